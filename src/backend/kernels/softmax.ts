import { type NativeKernels } from '../kernel.js';

export const softmax: NativeKernels = {
  Softmax: ({ inputs, backend, attrs }) => {
    const x = inputs.logits!;
    if (x.dtype !== 'float32' || attrs.dim !== x.shape.length - 1) return undefined;
    return backend.run('Softmax', [x])[0];
  },
};
