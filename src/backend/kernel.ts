import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors.js';
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
      kernelFunc: withFallback(native, fallback(kernelName, kernelFunc)),
    });
  }
}

/** A kernel of tfjs-backend-cpu, which a recording cannot have: it works on the host. */
function fallback(kernelName: string, kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return (parameters) => {
    try {
      return kernelFunc(parameters);
    } catch (error) {
      if (!(parameters.backend as MenetBackend).recording) throw error;
      throw new InputError(`${(error as Error).message}, by tfjs-backend-cpu's ${kernelName}`);
    }
  };
}

function withFallback(native: NativeKernel | undefined, fallback: tf.KernelFunc): tf.KernelFunc {
  if (native === undefined) return fallback;
  return (parameters) =>
    native({
      inputs: parameters.inputs,
      attrs: parameters.attrs ?? {},
      backend: parameters.backend as MenetBackend,
    }) ?? fallback(parameters);
}
