import type * as tf from '@tensorflow/tfjs';
import { type NativeKernel, type NativeKernels } from '../kernel.js';

/** A kernel that is the native op of the same name, for two inputs of one of these types. */
function binary(op: string, dtypes: readonly string[], names = ['a', 'b']): NativeKernel {
  return ({ inputs, backend }) => {
    const [a, b] = names.map((name) => inputs[name]!);
    if (a!.dtype !== b!.dtype || !dtypes.includes(a!.dtype)) return undefined;
    return backend.run(op, [a!, b!])[0];
  };
}

const numbers = ['float32', 'int32'];
const floats = ['float32'];
const comparable = ['float32', 'int32', 'bool'];
const booleans = ['bool'];

export const elementwiseBinary: NativeKernels = {
  Add: binary('Add', numbers),
  AddN: ({ inputs, backend }) => {
    const tensors = Object.values(inputs) as tf.TensorInfo[];
    const dtype = tensors[0]!.dtype;
    if (!numbers.includes(dtype) || tensors.some((x) => x.dtype !== dtype)) return undefined;
    return backend.run('AddN', tensors)[0];
  },
  Equal: binary('Equal', comparable),
  Greater: binary('Greater', comparable),
  GreaterEqual: binary('GreaterEqual', comparable),
  Less: binary('Less', comparable),
  LessEqual: binary('LessEqual', comparable),
  LogicalAnd: binary('LogicalAnd', booleans),
  LogicalOr: binary('LogicalOr', booleans),
  Maximum: binary('Maximum', numbers),
  Minimum: binary('Minimum', numbers),
  Multiply: binary('Multiply', numbers),
  NotEqual: binary('NotEqual', comparable),
  Prelu: binary('Prelu', floats, ['x', 'alpha']),
  RealDiv: binary('RealDiv', floats),
  SquaredDifference: binary('SquaredDifference', numbers),
  Sub: binary('Sub', numbers),
};
