import * as tf from '@tensorflow/tfjs';
import {
  type BatchNormParams,
  batchNormReference,
  batchNormTensors,
  checkBatchNorm,
  runningStatistics,
} from './batch_norm.js';
import { checkPrecision, type Precision, storageTypes } from '../precision.js';
import { checkArguments, checkChoice, checkTensor } from './checks.js';
import { currentFusedOps, type FusedOps } from './fused_ops.js';
import { inferenceForm, isConstant, runGradient } from './native_gradient.js';
import { padOne } from './pad_one.js';

/** Weights of {@link stem}. */
export interface StemParams {
  /** [3, 3, 3, C] */
  conv: tf.Tensor4D;
  bn: BatchNormParams;
}

/** Attributes of {@link stem}. */
export interface StemOptions {
  /** max pooling at the end; default true */
  pooling?: boolean;
  /** normalise with the batch's statistics and update the running ones; default false */
  training?: boolean | undefined;
  /** what the output is stored as, and what the units behind it compute on; default float32 */
  precision?: Precision | undefined;
}

/**
 * The networks' first layers: 3×3 convolution with strides 2 and padding 1, batch norm, relu,
 * 3×3 max pooling with strides 2 and padding 1.
 * @param x normalised images [N, H, W, 3], float32
 * @returns [N, ⌈⌈H/2⌉/2⌉, ⌈⌈W/2⌉/2⌉, C], or without pooling [N, ⌈H/2⌉, ⌈W/2⌉, C]
 * @throws InputError for wrong shapes or types, for disposed tensors and for a precision that the
 *   backend lacks
 */
export function stem(x: tf.Tensor4D, params: StemParams, options: StemOptions = {}): tf.Tensor4D {
  checkArguments('stem', params, options);
  const { pooling = true, training = false, precision = 'float32' } = options;
  checkChoice('stem: pooling', pooling, [true, false]);
  checkTensor('stem: x', x, ['N', 'H', 'W', 3]);
  checkTensor('stem: conv', params.conv, [3, 3, 3, 'C']);
  checkBatchNorm('stem: bn', params.bn, params.conv.shape[3], training);
  checkPrecision('stem: precision', precision);
  const ops = currentFusedOps();
  if (ops === undefined) return tf.tidy(() => stemReference(x, params, options));
  const storage = precision === 'float32' ? undefined : storageTypes[precision]; // that of x
  const attributes = { pooling, storage };
  if (training) return trainingForm(ops, x, params, attributes);
  const inputs = [x, params.conv, ...batchNormTensors(params.bn)];
  return inferenceForm(ops, 'Stem', inputs, attributes, () => stemReference(x, params, options));
}

/** {@link stem} from stock ops. */
export function stemReference(
  x: tf.Tensor4D,
  { conv, bn }: StemParams,
  { pooling = true, training = false }: StemOptions = {},
): tf.Tensor4D {
  const [images, padding] = padOne(x);
  const active = tf.relu(batchNormReference(tf.conv2d(images, conv, 2, padding), bn, training));
  if (!pooling) return active;
  const [windows, none] = padOne(active); // nothing is below a relu's zeros
  return tf.maxPool(windows, 3, 2, none);
}

/** Images have no gradient, so that none is computed for them; other inputs do. */
function trainingForm(
  ops: FusedOps,
  x: tf.Tensor4D,
  { conv, bn }: StemParams,
  attributes: { pooling: boolean; storage: string | undefined },
): tf.Tensor4D {
  const inputGradient = !isConstant(x);
  const run = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    const inputs = [x, conv, ...batchNormTensors(bn)];
    const outputs = ops.runFused(
      'Stem',
      inputs,
      { ...attributes, training: true },
      runningStatistics(bn),
    );
    const [y, ...rest] = outputs as [tf.Tensor];
    save([y, ...inputs, ...rest]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      runGradient(ops, 'StemGrad', dy, saved, { ...attributes, inputGradient });
    return { value: y, gradFunc };
  });
  const parameters = [conv, bn.scale, bn.offset];
  return run(...parameters, ...(inputGradient ? [x] : [])) as tf.Tensor4D;
}
