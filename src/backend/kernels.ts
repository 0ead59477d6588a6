import { type NativeKernels } from './kernel.js';
import { matrixProducts } from './kernels/batch_mat_mul.js';
import { normalization } from './kernels/batch_norm.js';
import { convolutions } from './kernels/conv2d.js';
import { elementwiseBinary } from './kernels/elementwise_binary.js';
import { elementwiseUnary } from './kernels/elementwise_unary.js';
import { fusedKernels } from './kernels/fused.js';
import { layout } from './kernels/layout.js';
import { pooling } from './kernels/pool.js';
import { reductions } from './kernels/reduce.js';
import { resizing } from './kernels/resize_bilinear.js';

/** All kernels that run natively. */
export const nativeKernels: NativeKernels = {
  ...convolutions,
  ...elementwiseBinary,
  ...elementwiseUnary,
  ...fusedKernels,
  ...layout,
  ...matrixProducts,
  ...normalization,
  ...pooling,
  ...reductions,
  ...resizing,
};
