import type * as tf from '@tensorflow/tfjs';
import type { BatchNormParams } from '../ops/batch_norm.js';
import type { Precision } from '../precision.js';

/** What a state entry is; decides its layout, its initial values and whether it is trained. */
export type StateRole =
  'conv' | 'depthwise' | 'linear' | 'bias' | 'scale' | 'offset' | 'mean' | 'variance';

/** One entry of a network's state, under its published name, with its shape in PyTorch layout. */
export interface StateEntry {
  name: string;
  shape: number[];
  role: StateRole;
}

/** One layer of a network at a given input size. */
export interface LayerInfo {
  name: string;
  /** the operations in words, as `conv 3×3 /2, batch norm, relu` */
  type: string;
  /** shape of the output for one image: [height, width, channels] or [channels] */
  output: number[];
  /** trained values, those of the layer's batch norm included */
  params: number;
  /** multiplications of convolutions and classifier for one image */
  macs: number;
}

/** A layer and the names of the layers that it reads; `input` is the image. */
export interface Layer extends LayerInfo {
  inputs: string[];
  /** the unit that a picture shows it in, where its name does not tell */
  unit?: string;
}

/** [height, width, channels] of one image's activations. */
export type MapShape = [height: number, width: number, channels: number];

/** A network's variables by published name, in tfjs layout. */
export type Weights = ReadonlyMap<string, tf.Variable>;

/** How a network computes. */
export interface ForwardOptions {
  /** normalise with the batch's statistics and update the running ones; default false */
  training?: boolean | undefined;
  /** what activations are stored as; default float32 */
  precision?: Precision | undefined;
}

/** A part of a network: its state, what it computes, and its layers. */
export interface Block<Output extends tf.Tensor = tf.Tensor4D> {
  /** in published order */
  entries: readonly StateEntry[];
  /** Only the first part of a network looks at the precision: the others follow their input. */
  bind(weights: Weights): (x: tf.Tensor4D, options: ForwardOptions) => Output;
  /** The layers for activations of shape `input` made by layer `from`; the last is the output. */
  layers(input: MapShape, from: string): Layer[];
}

/** A convolution without bias, and the batch norm that follows it. */
export interface ConvSpec {
  name: string;
  batchNorm: string;
  kernel: 1 | 3;
  inChannels: number;
  outChannels: number;
  groups: number;
  strides: 1 | 2;
}

export function convEntries(conv: ConvSpec): StateEntry[] {
  const { outChannels: channels, kernel, batchNorm } = conv;
  return [
    {
      name: `${conv.name}.weight`,
      shape: [channels, conv.inChannels / conv.groups, kernel, kernel],
      role: isDepthwise(conv) ? 'depthwise' : 'conv',
    },
    { name: `${batchNorm}.weight`, shape: [channels], role: 'scale' },
    { name: `${batchNorm}.bias`, shape: [channels], role: 'offset' },
    { name: `${batchNorm}.running_mean`, shape: [channels], role: 'mean' },
    { name: `${batchNorm}.running_var`, shape: [channels], role: 'variance' },
  ];
}

/** The layer of a convolution, its batch norm, and what else (`after`) is done to its output. */
export function convLayer(
  conv: ConvSpec,
  [height, width]: MapShape,
  from: string,
  after: readonly string[],
): Layer & { output: MapShape } {
  const { name, kernel, inChannels, outChannels, groups, strides } = conv;
  const output: MapShape = [Math.ceil(height / strides), Math.ceil(width / strides), outChannels];
  const weights = (kernel * kernel * inChannels * outChannels) / groups;
  return {
    name,
    type: [convType(conv), 'batch norm', ...after].join(', '),
    output,
    params: weights + 2 * outChannels,
    macs: weights * output[0] * output[1],
    inputs: [from],
  };
}

/** A layer without weights. */
export function plainLayer<Shape extends number[]>(
  name: string,
  type: string,
  output: Shape,
  inputs: string[],
): Layer & { output: Shape } {
  return { name, type, output, params: 0, macs: 0, inputs };
}

export function variable<R extends tf.Rank>(weights: Weights, name: string): tf.Variable<R> {
  const found = weights.get(name);
  if (!found) throw new Error(`no variable ${name}`);
  return found as tf.Variable<R>;
}

export function convWeights(weights: Weights, name: string): tf.Tensor4D {
  return variable<tf.Rank.R4>(weights, `${name}.weight`);
}

export function batchNormParams(weights: Weights, name: string): BatchNormParams {
  return {
    scale: variable(weights, `${name}.weight`),
    offset: variable(weights, `${name}.bias`),
    mean: variable(weights, `${name}.running_mean`),
    variance: variable(weights, `${name}.running_var`),
  };
}

function isDepthwise({ kernel, groups, inChannels }: ConvSpec): boolean {
  return kernel === 3 && groups === inChannels && groups > 1;
}

function convType(conv: ConvSpec): string {
  const { kernel, groups, strides } = conv;
  const grouped = groups > 1 && !isDepthwise(conv);
  return [
    isDepthwise(conv) ? 'depthwise conv' : 'conv',
    `${kernel}×${kernel}`,
    ...(grouped ? [`in ${groups} groups`] : []),
    ...(strides === 2 ? ['/2'] : []),
  ].join(' ');
}
