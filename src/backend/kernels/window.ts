import * as tf from '@tensorflow/tfjs';
import { type OpAttributes } from '../menet_backend.js';

type Conv2DInfo = tf.backend_util.Conv2DInfo;
type Padding = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;

/** Attributes of tfjs' convolution and pooling kernels. */
export interface WindowAttrs {
  strides: [number, number] | number;
  pad: Padding;
  dilations?: [number, number] | number | null;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NHWC' | 'NCHW';
}

/** Whether native kernels cover the layout: NCHW is tfjs-backend-cpu's. */
export function isChannelsLast({ dataFormat }: WindowAttrs): boolean {
  return dataFormat === undefined || dataFormat === 'NHWC';
}

/** Where a filter lies on images, worked out as tfjs does it. */
export function convolutionInfo(
  imageShape: number[],
  filterShape: number[],
  attrs: WindowAttrs,
  depthwise: boolean,
): Conv2DInfo {
  return tf.backend_util.computeConv2DInfo(
    imageShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    depthwise,
  );
}

/**
 * The attributes of a native op. Padding at the end is what makes the op's output as large as
 * tfjs says, whatever it rounds.
 */
export function windowAttributes(info: Conv2DInfo): OpAttributes {
  const { top, left } = info.padInfo;
  const bottom =
    (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - info.inHeight - top;
  const right =
    (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - info.inWidth - left;
  return {
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pad: [top, bottom, left, right],
  };
}
