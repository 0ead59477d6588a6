import type * as tf from '@tensorflow/tfjs';
import { checkConfig, readConfigFile } from '../config_file.js';
import type { ForwardOptions, Layer, StateEntry } from './block.js';
import './menet.js';
import './mobilenet.js';
import { Network } from './network.js';
import { findFamily, type ModelConfig, modelSchema } from './registry.js';
import './shufflenet.js';

export type { ModelConfig } from './registry.js';

/** A network that classifies images. */
export interface Model {
  /** the configuration's `name` */
  readonly name: string;
  readonly config: ModelConfig;
  readonly numClasses: number;
  /** what the state consists of, in published order */
  readonly entries: readonly StateEntry[];
  /** those of the classifier; the others are the backbone's */
  readonly classifierEntries: readonly StateEntry[];
  /**
   * Every state entry in published order, in tfjs layout: convolutions HWIO, depthwise
   * [3, 3, C, 1], linear [in, out]. All are trainable but the running statistics.
   */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /**
   * Logits [N, classes] of normalised images.
   * @param x [N, H, W, 3], float32, H and W at least 32
   * @param options default: inference form, in float32
   * @returns float32, whatever the precision
   * @throws InputError for other shapes and types, and for a precision that the backend lacks
   */
  apply(x: tf.Tensor4D, options?: ForwardOptions): tf.Tensor2D;
  /** The first half of {@link apply}: what the backbone makes of images, [N, h, w, C]. */
  features(x: tf.Tensor4D, options?: ForwardOptions): tf.Tensor4D;
  /** The second half: logits of the backbone's output. */
  classify(features: tf.Tensor4D, options?: ForwardOptions): tf.Tensor2D;
  /** The layers for square images of `imageSize` pixels (224), in the order of computation. */
  layers(imageSize?: number): Layer[];
  /** Frees the variables. */
  dispose(): void;
}

/**
 * Builds a network with the published initialisation.
 * @param config fields of a model configuration; `num_classes` may be left out
 * @param options seed of the initial weights, default 0
 * @throws InputError naming the field, what was expected and what was found
 */
export function createModel(
  config: { name: string; [field: string]: unknown },
  { seed = 0 }: { seed?: number } = {},
): Model {
  const checked = checkConfig('model configuration', modelSchema(), config);
  return new Network(checked, findFamily(checked.name).build(checked), seed);
}

/** Reads M; throws an InputError naming file, field, expected and found. */
export function readModelConfig(file: string): ModelConfig {
  return readConfigFile(file, modelSchema());
}
