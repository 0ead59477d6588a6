import type * as tf from '@tensorflow/tfjs';
import { type NativeKernels } from '../kernel.js';
import { isNativeDType } from '../tensor_data.js';

export const casting: NativeKernels = {
  Cast: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    const dtype = attrs.dtype as tf.DataType;
    // The same type is tfjs-backend-cpu's case: another reference to the same data.
    if (x.dtype === dtype || !isNativeDType(x.dtype) || !isNativeDType(dtype)) return undefined;
    return backend.run('Cast', [x], { dtype })[0];
  },
};
