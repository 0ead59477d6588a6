import * as tf from '@tensorflow/tfjs';
import { MenetBackend } from '../../src/backend/menet_backend.js';
import { native } from '../../src/native.js';
import { type HalfType, rounded } from './half.js';

/** What only moves elements, weights too, or makes gradients of weights, which stay float32. */
const exactKernels = new Set([
  'Concat',
  'Conv2DBackpropFilter',
  'DepthwiseConv2dNativeBackpropFilter',
  'Identity',
  'Pack',
  'Reshape',
  'Reverse',
  'Slice',
  'SplitV',
  'StridedSlice',
  'Tile',
  'Transpose',
  'Unpack',
]);

/**
 * A backend that rounds what every kernel makes of activations: the 16-bit composition of stock
 * operations. Returns its name; needs backend `menet` to have been set once.
 */
export function registerRoundingBackend(dtype: HalfType): string {
  const name = `menet_${dtype}`;
  if (tf.findBackendFactory(name)) return name;
  tf.registerBackend(name, () => new MenetBackend(native()), 0);
  for (const kernel of tf.getKernelsForBackend('menet')) {
    tf.registerKernel({
      ...kernel,
      backendName: name,
      kernelFunc: (args) => {
        const outputs = kernel.kernelFunc(args);
        if (!exactKernels.has(kernel.kernelName)) {
          const backend = args.backend as MenetBackend;
          for (const output of [outputs].flat()) roundActivation(backend, output, dtype);
        }
        return outputs;
      },
    });
  }
  return name;
}

/** In place; a tensor of rank 4 with one pixel is a statistic. */
function roundActivation(backend: MenetBackend, tensor: tf.TensorInfo, dtype: HalfType): void {
  const { dataId, shape } = tensor;
  if (tensor.dtype !== 'float32' || shape.length !== 4) return;
  const values = backend.readSync(dataId) as Float32Array;
  const data = Float64Array.from(values);
  const { data: result } = rounded(native(), { shape, data }, dtype);
  const refCount = backend.refCount(dataId);
  backend.disposeData(dataId, true);
  backend.move(dataId, Float32Array.from(result), shape, 'float32', refCount);
}
