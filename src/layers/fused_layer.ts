import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import type { BatchNormParams } from '../ops/batch_norm.js';
import {
  type InitializerLike,
  type RegularizerLike,
  resolveInitializer,
  resolveRegularizer,
  serialize,
} from './keras_objects.js';

/** What every fused layer takes besides its widths. */
export interface FusedLayerArgs {
  name?: string;
  trainable?: boolean;
  /** where the layer is the first of a model: [height, width, channels] */
  inputShape?: (number | null)[];
  batchInputShape?: (number | null)[];
  batchSize?: number;
  dtype?: tf.DataType;
  /** of all convolutions; default heNormal */
  kernelInitializer?: InitializerLike;
  kernelRegularizer?: RegularizerLike | null;
  /** of batch norms' offsets; default zeros */
  betaInitializer?: InitializerLike;
  betaRegularizer?: RegularizerLike | null;
  /** of batch norms' scales; default ones */
  gammaInitializer?: InitializerLike;
  gammaRegularizer?: RegularizerLike | null;
}

/** Shape of one input, as tfjs layers have them: null where any size will do. */
export type LayerShape = (number | null)[];

/** Weights by the op's parameter names: a kernel's shape, or a batch norm's channels. */
export type WeightShapes = Readonly<Record<string, number[] | number>>;

type LayerVariable = ReturnType<tf.layers.Layer['addWeight']>;
type KerasInit = ReturnType<typeof resolveInitializer>;

/** A fused op as a layer; the op's parameters are its weights, running statistics untrained ones. */
export abstract class FusedLayer<Params extends object> extends tf.layers.Layer {
  private readonly initializers: Record<'kernel' | 'beta' | 'gamma', KerasInit>;
  private readonly regularizers: Record<
    'kernel' | 'beta' | 'gamma',
    ReturnType<typeof resolveRegularizer>
  >;
  private readonly variables = new Map<string, LayerVariable | Record<string, LayerVariable>>();

  constructor(args: FusedLayerArgs) {
    super(args);
    const initializer = (
      key: 'kernelInitializer' | 'betaInitializer' | 'gammaInitializer',
      usual: string,
    ) => resolveInitializer(`${this.name}: ${key}`, args[key] ?? usual);
    const regularizer = (key: 'kernelRegularizer' | 'betaRegularizer' | 'gammaRegularizer') =>
      resolveRegularizer(`${this.name}: ${key}`, args[key]);
    this.initializers = {
      kernel: initializer('kernelInitializer', 'heNormal'),
      beta: initializer('betaInitializer', 'zeros'),
      gamma: initializer('gammaInitializer', 'ones'),
    };
    this.regularizers = {
      kernel: regularizer('kernelRegularizer'),
      beta: regularizer('betaRegularizer'),
      gamma: regularizer('gammaRegularizer'),
    };
  }

  /** The op's weights for inputs of given channels. @throws InputError where they do not fit. */
  protected abstract weightShapes(channels: number): WeightShapes;

  /** The op itself. */
  protected abstract compute(inputs: tf.Tensor4D[], params: Params, training: boolean): tf.Tensor4D;

  /** [height, width, channels] of the output. */
  protected abstract shapeAfter(
    height: number | null,
    width: number | null,
    channels: number,
  ): LayerShape;

  /** The layer's own arguments, as its constructor takes them. */
  protected abstract ownConfig(): tf.serialization.ConfigDict;

  override build(inputShape: LayerShape | LayerShape[]): void {
    const channels = this.channelsOf(inputShape);
    for (const [name, shape] of Object.entries(this.weightShapes(channels))) {
      const weight =
        typeof shape === 'number' ? this.addBatchNorm(name, shape) : this.addKernel(name, shape);
      this.variables.set(name, weight);
    }
    const spec = new tf.InputSpec({ ndim: 4, axes: { 3: channels } });
    this.inputSpec = isShapeList(inputShape) ? inputShape.map(() => spec) : [spec];
    super.build(inputShape);
  }

  /** The weights as the plain op takes them; all are variables. Only after the layer is built. */
  get params(): Params {
    const entries = [...this.variables].map(([name, weight]) => [name, read(weight)]);
    if (entries.length === 0)
      reject(`${this.name}: params`, 'a layer that is built', 'one that is not');
    return Object.fromEntries(entries) as Params;
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: { training?: boolean } = {},
  ): tf.Tensor | tf.Tensor[] {
    const tensors = (Array.isArray(inputs) ? inputs : [inputs]) as tf.Tensor4D[];
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      return this.compute(tensors, this.params, kwargs.training ?? false);
    });
  }

  override computeOutputShape(inputShape: LayerShape | LayerShape[]): LayerShape {
    const shapes = isShapeList(inputShape) ? inputShape : [inputShape];
    const [batch = null, height = null, width = null] = shapes[0]!;
    return [batch, ...this.shapeAfter(height, width, this.channelsOf(inputShape))];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { initializers, regularizers } = this;
    return {
      ...super.getConfig(),
      ...this.ownConfig(),
      kernelInitializer: serialize(initializers.kernel),
      betaInitializer: serialize(initializers.beta),
      gammaInitializer: serialize(initializers.gamma),
      kernelRegularizer: serialize(regularizers.kernel),
      betaRegularizer: serialize(regularizers.beta),
      gammaRegularizer: serialize(regularizers.gamma),
    };
  }

  private channelsOf(inputShape: LayerShape | LayerShape[]): number {
    const shapes = isShapeList(inputShape) ? inputShape : [inputShape];
    const found = shapes[0]!;
    const channels = found[3];
    if (found.length !== 4 || typeof channels !== 'number')
      return reject(
        `${this.name}: input`,
        'shape [N, H, W, channels], channels being known',
        found,
      );
    return channels;
  }

  private addKernel(name: string, shape: number[]): LayerVariable {
    const { kernel } = this.initializers;
    return this.addWeight(`${name}/kernel`, shape, 'float32', kernel, this.regularizers.kernel);
  }

  private addBatchNorm(
    name: string,
    channels: number,
  ): Record<keyof BatchNormParams, LayerVariable> {
    const { beta, gamma } = this.initializers;
    const { zeros, ones } = tf.initializers;
    const trained = (key: 'gamma' | 'beta', initial: KerasInit) =>
      this.addWeight(`${name}/${key}`, [channels], 'float32', initial, this.regularizers[key]);
    const tracked = (key: string, initial: KerasInit) =>
      this.addWeight(`${name}/${key}`, [channels], 'float32', initial, undefined, false);
    return {
      scale: trained('gamma', gamma),
      offset: trained('beta', beta),
      mean: tracked('moving_mean', zeros()),
      variance: tracked('moving_variance', ones()),
    };
  }
}

function read(weight: LayerVariable | Record<string, LayerVariable>): unknown {
  if (isVariable(weight)) return weight.read();
  return Object.fromEntries(
    Object.entries(weight).map(([key, variable]) => [key, variable.read()]),
  );
}

function isVariable(
  weight: LayerVariable | Record<string, LayerVariable>,
): weight is LayerVariable {
  return typeof (weight as LayerVariable).read === 'function';
}

export function isShapeList(shape: LayerShape | LayerShape[]): shape is LayerShape[] {
  return Array.isArray(shape[0]);
}

/** Height or width after `strides`; unknown stays unknown. */
export function strided(size: number | null, strides: number): number | null {
  return size === null ? null : Math.ceil(size / strides);
}

/** Checks a layer's argument. */
export function checkPositive(layer: string, values: Record<string, number | undefined>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isInteger(value) || (value as number) < 1)
      reject(`${layer}: ${name}`, 'a positive integer', value);
  }
}
