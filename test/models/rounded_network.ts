import * as tf from '@tensorflow/tfjs';
import { MenetBackend } from '../../src/backend/menet_backend.js';
import type { Model } from '../../src/models/model.js';
import { native } from '../../src/native.js';
import { type Precision, storageTypes } from '../../src/precision.js';

// A network of stock float32 ops that rounds where fused kernels store in 16 bits: raw outputs of
// convolutions, outputs of units and the stem, and the gradients of normalised values and of those
// outputs (docs/kernels.md).

let storage: (typeof storageTypes)[Precision] = 'float32';

/** Makes backend `composition`, which has backend menet's kernels but none of its fused ops. */
export function registerComposition(): void {
  tf.registerBackend('composition', () => new MenetBackend(native()), 0);
  for (const kernel of tf.getKernelsForBackend('menet'))
    tf.registerKernel({ ...kernel, backendName: 'composition' });
}

/** Computes on stock ops, rounding to what a precision stores. */
export function inComposition<T>(precision: Precision, work: () => T): T {
  void tf.setBackend('composition'); // at once, as its backend is made so
  storage = storageTypes[precision];
  try {
    return work();
  } finally {
    storage = 'float32';
    void tf.setBackend('menet');
  }
}

/** x as it is stored, or with its gradient as that is stored, or both. */
export function asStored<T extends tf.Tensor>(
  x: T,
  stored: { value?: boolean; gradient?: boolean },
) {
  const round = tf.customGrad((value) => ({
    value: stored.value ? rounded(value as tf.Tensor) : tf.clone(value as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => (stored.gradient ? rounded(dy) : tf.clone(dy)),
  }));
  return round(x) as T;
}

/** The network, its blocks' outputs and their gradients rounded. */
export function roundBlocks(network: Model): void {
  const { blocks } = network as unknown as { blocks: ((...args: unknown[]) => tf.Tensor)[] };
  for (const [i, block] of blocks.entries())
    blocks[i] = (...args) => asStored(block(...args), { value: true, gradient: true });
}

function rounded(x: tf.Tensor): tf.Tensor {
  const backend = tf.backend() as MenetBackend;
  const half = backend.convert(x, storage);
  const values = backend.convert(half, 'float32');
  backend.disposeData(half.dataId);
  return tf.engine().makeTensorFromTensorInfo(values, backend);
}
