import * as tf from '@tensorflow/tfjs';
import { backendName, type MenetBackend } from './menet_backend.js';

/** One call of a kernel by tfjs' engine. */
export interface KernelCall {
  readonly inputs: tf.NamedTensorInfoMap;
  readonly attrs: tf.NamedAttrMap;
  readonly backend: MenetBackend;
}

/**
 * A kernel on native ops. Returns undefined for what it does not cover (string or complex64
 * tensors, unusual attributes): then tfjs-backend-cpu's kernel of the same name runs.
 */
export type NativeKernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Kernels by the names that tfjs calls them. */
export type NativeKernels = Readonly<Record<string, NativeKernel>>;

/**
 * Registers all of tfjs-backend-cpu's kernels for `menet`, the given ones in front of theirs.
 * A kernel that is registered already is left alone.
 */
export function registerKernels(kernels: NativeKernels): void {
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
    if (tf.getKernel(kernelName, backendName) !== undefined) continue;
    const native = kernels[kernelName];
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: native === undefined ? kernelFunc : withFallback(native, kernelFunc),
    });
  }
}

function withFallback(native: NativeKernel, fallback: tf.KernelFunc): tf.KernelFunc {
  return (parameters) =>
    native({
      inputs: parameters.inputs,
      attrs: parameters.attrs ?? {},
      backend: parameters.backend as MenetBackend,
    }) ?? fallback(parameters);
}
