import { type NativeKernels } from '../kernel.js';
import { isNativeDType } from '../tensor_data.js';

export const selection: NativeKernels = {
  Select: ({ inputs, backend }) => {
    const { condition, t, e } = inputs;
    if (condition!.dtype !== 'bool' || t!.dtype !== e!.dtype) return undefined;
    if (!isNativeDType(t!.dtype)) return undefined;
    return backend.run('Select', [condition!, t!, e!])[0];
  },
};
