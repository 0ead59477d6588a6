import type * as tf from '@tensorflow/tfjs';
import { currentMenetBackend, type OpAttributes, type OpInput } from '../backend/menet_backend.js';
import { currentTensorflowOps } from '../tensorflow/tensorflow_ops.js';

export type { OpAttributes, OpInput };

/** What runs native ops on tensors of the current backend. */
export interface FusedOps {
  /**
   * Runs a native op and gives its outputs as tensors of the current scope.
   * @param updated variables among the inputs that the op updates in place
   */
  runFused(
    op: string,
    inputs: readonly OpInput[],
    attributes?: OpAttributes,
    updated?: readonly tf.Variable[],
  ): tf.Tensor[];

  /** Works with a gradient stored as the activation `y` is. */
  withStorageOf<T>(dy: tf.Tensor, y: tf.Tensor, work: (dy: tf.TensorInfo) => T): T;
}

/** Native ops of the current backend, if it is `menet` or can run them inside TensorFlow. */
export function currentFusedOps(): FusedOps | undefined {
  return currentMenetBackend() ?? currentTensorflowOps();
}
