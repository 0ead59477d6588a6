import { type NativeKernels } from './kernel.js';
import { argReductions } from './kernels/arg_max.js';
import { matrixProducts } from './kernels/batch_mat_mul.js';
import { normalization } from './kernels/batch_norm.js';
import { casting } from './kernels/cast.js';
import { convolutions } from './kernels/conv2d.js';
import { elementwiseBinary } from './kernels/elementwise_binary.js';
import { elementwiseUnary } from './kernels/elementwise_unary.js';
import { fusedKernels } from './kernels/fused.js';
import { gathering } from './kernels/gather.js';
import { pooling } from './kernels/pool.js';
import { reductions } from './kernels/reduce.js';
import { resizing } from './kernels/resize_bilinear.js';
import { selection } from './kernels/select.js';
import { partsAndPadding } from './kernels/slice_concat_pad.js';
import { softmax } from './kernels/softmax.js';
import { transposition } from './kernels/transpose.js';

/** All kernels that run natively. */
export const nativeKernels: NativeKernels = {
  ...argReductions,
  ...casting,
  ...convolutions,
  ...elementwiseBinary,
  ...elementwiseUnary,
  ...fusedKernels,
  ...gathering,
  ...matrixProducts,
  ...normalization,
  ...partsAndPadding,
  ...pooling,
  ...reductions,
  ...resizing,
  ...selection,
  ...softmax,
  ...transposition,
};
