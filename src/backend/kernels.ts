import { type NativeKernels } from './kernel.js';

/** All kernels that run natively. */
export const nativeKernels: NativeKernels = {};
