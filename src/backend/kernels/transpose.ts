import * as tf from '@tensorflow/tfjs';
import { type NativeKernels } from '../kernel.js';
import { isNativeDType } from '../tensor_data.js';

export const transposition: NativeKernels = {
  Reverse: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype) || x.shape.length === 0) return undefined;
    const axes = tf.util.parseAxisParam(attrs.dims as number[], x.shape);
    return backend.run('Reverse', [x], { axes: [...new Set(axes)] })[0];
  },
  Transpose: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype)) return undefined;
    return backend.run('Transpose', [x], { perm: attrs.perm as number[] })[0];
  },
};
