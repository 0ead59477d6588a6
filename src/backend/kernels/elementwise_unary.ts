import { type NativeKernel, type NativeKernels } from '../kernel.js';

/** A kernel that is the native op of the same name, for inputs of these types. */
function unary(op: string, dtypes: readonly string[], attribute?: string): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!dtypes.includes(x.dtype)) return undefined;
    const attributes = attribute === undefined ? {} : { alpha: attrs[attribute] as number };
    return backend.run(op, [x], attributes)[0];
  };
}

const numbers = ['float32', 'int32'];
const floats = ['float32'];

export const elementwiseUnary: NativeKernels = {
  Abs: unary('Abs', numbers),
  Ceil: unary('Ceil', floats),
  ClipByValue: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (x.dtype !== 'float32') return undefined;
    const { clipValueMin, clipValueMax } = attrs as { clipValueMin: number; clipValueMax: number };
    return backend.run('ClipByValue', [x], { clipValueMin, clipValueMax })[0];
  },
  Elu: unary('Elu', floats),
  Exp: unary('Exp', floats),
  Floor: unary('Floor', floats),
  LeakyRelu: unary('LeakyRelu', floats, 'alpha'),
  Log: unary('Log', floats),
  Neg: unary('Neg', numbers),
  Reciprocal: unary('Reciprocal', floats),
  Relu: unary('Relu', numbers),
  Relu6: unary('Relu6', numbers),
  Rsqrt: unary('Rsqrt', floats),
  Sigmoid: unary('Sigmoid', floats),
  Sqrt: unary('Sqrt', floats),
  Square: unary('Square', numbers),
  Step: unary('Step', floats, 'alpha'),
  Tanh: unary('Tanh', floats),
};
