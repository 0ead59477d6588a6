import * as tf from '@tensorflow/tfjs';
import { type NativeKernel, type NativeKernels } from '../kernel.js';

function argReduction(op: string): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!['float32', 'int32'].includes(x.dtype) || x.shape.includes(0)) return undefined;
    const [axis] = tf.util.parseAxisParam(attrs.axis as number, x.shape);
    return backend.run(op, [x], { axes: [axis!], keepDims: false })[0];
  };
}

export const argReductions: NativeKernels = {
  ArgMax: argReduction('ArgMax'),
  ArgMin: argReduction('ArgMin'),
};
