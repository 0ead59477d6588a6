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

/** Products of an activation, or of its gradient, and weights. */
const products = new Set(['Conv2D', 'Conv2DBackpropInput']);

/**
 * A backend on the CPU that rounds what every kernel makes of activations: the 16-bit composition
 * of stock operations. Returns its name; needs backend `menet` to have been set once.
 * @param tensorCores products take rounded weights too, as 16-bit ones on a GPU must
 */
export function registerRoundingBackend(dtype: HalfType, tensorCores = false): string {
  // No underscore: tfjs takes what is before one for a backend's name when it lists kernels.
  const name = `menet-${dtype}${tensorCores ? '-products' : ''}`;
  if (tf.findBackendFactory(name)) return name;
  tf.registerBackend(name, () => new MenetBackend(native()), 0);
  for (const kernel of tf.getKernelsForBackend('menet')) {
    tf.registerKernel({
      ...kernel,
      backendName: name,
      kernelFunc: (args) => {
        const backend = args.backend as MenetBackend;
        const { filter } = args.inputs;
        const weights =
          tensorCores && products.has(kernel.kernelName)
            ? roundedCopy(backend, filter!, dtype)
            : undefined;
        const inputs = weights === undefined ? args.inputs : { ...args.inputs, filter: weights };
        const outputs = kernel.kernelFunc({ ...args, inputs });
        if (weights !== undefined) backend.disposeData(weights.dataId);
        if (!exactKernels.has(kernel.kernelName)) {
          for (const output of [outputs].flat()) roundActivation(backend, output, dtype);
        }
        return outputs;
      },
    });
  }
  return name;
}

function roundedCopy(
  backend: MenetBackend,
  { dataId, shape, dtype: type }: tf.TensorInfo,
  dtype: HalfType,
): tf.TensorInfo {
  const data = Float64Array.from(backend.readSync(dataId) as Float32Array);
  const result = Float32Array.from(rounded(native(), { shape, data }, dtype).data);
  return { dataId: backend.write(result, shape, type), shape, dtype: type };
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
