import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type Attribute, type Native, type NativeTensor } from '../../src/native.js';

export const testBinary =
  process.env.MENET_TEST_BINARY ??
  resolve(import.meta.dirname, '../../build/test/Release/menet.node');

/** The test build (`npm run build:test`), whose kernels take float64 too and run on the shim. */
export const testNative = createRequire(import.meta.url)(testBinary) as Native;

/** A float64 tensor on the host. */
export interface Values {
  shape: number[];
  data: Float64Array;
}

/** Runs a native op in float64; inputs that the op updates in place are updated in `inputs`. */
export function runFloat64(
  op: string,
  inputs: readonly Values[],
  attributes: Record<string, Attribute>,
  device = 'cpu',
): Values[] {
  const tensors = inputs.map(({ shape, data }): NativeTensor => {
    const id = testNative.allocate(data.byteLength, device);
    testNative.write(id, data);
    return { id, shape, dtype: 'float64' };
  });
  const outputs = testNative.run(op, tensors, attributes, device);
  tensors.forEach(({ id }, i) => testNative.read(id, inputs[i]!.data));
  const values = outputs.map(({ id, shape }) => {
    const data = new Float64Array(shape.reduce((size, length) => size * length, 1));
    testNative.read(id, data);
    return { shape, data };
  });
  for (const { id } of [...tensors, ...outputs]) testNative.free(id);
  return values;
}

export const copy = ({ shape, data }: Values): Values => ({ shape, data: data.slice() });
