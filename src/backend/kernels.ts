import { type NativeKernels } from './kernel.js';
import { elementwiseBinary } from './kernels/elementwise_binary.js';
import { elementwiseUnary } from './kernels/elementwise_unary.js';
import { layout } from './kernels/layout.js';
import { reductions } from './kernels/reduce.js';

/** All kernels that run natively. */
export const nativeKernels: NativeKernels = {
  ...elementwiseBinary,
  ...elementwiseUnary,
  ...layout,
  ...reductions,
};
