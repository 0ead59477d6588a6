import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native, type NativeTensor } from '../../src/native.js';

// Every op rejects what no op can mean, by an error that begins with its name.

const door = native();
let tensor: (dtype: NativeTensor['dtype'], shape: number[]) => NativeTensor;
let id: number;

beforeAll(() => {
  id = door.allocate(1024);
  tensor = (dtype, shape) => ({ id, shape, dtype });
});

afterAll(() => {
  door.free(id);
});

describe.each(door.ops())('%s', (op) => {
  test('rejects inputs that are not given', () => {
    expect(() => door.run(op, Array<null>(50).fill(null), {})).toThrow(startsWith(op));
  });

  test('rejects bytes of no rank it knows', () => {
    const bytes = tensor('uint8', [1, 1, 1, 1, 1, 1, 1]);
    expect(() => door.run(op, [bytes, bytes], {})).toThrow(startsWith(op));
  });

  test('rejects a freed buffer', () => {
    const inputs = [{ ...tensor('float32', [1]), id: 2 ** 40 }];
    expect(() => door.run(op, inputs, {})).toThrow(`${op}: input 0: expected a live buffer`);
  });

  test('rejects a mixture of types and shapes', () => {
    const mixture = [
      tensor('float32', [2, 3]),
      tensor('int32', [4]),
      tensor('bool', [1, 2, 2, 3]),
      tensor('uint8', []),
    ];
    const attributes = { shape: 'x', pad: [NaN], strides: true, axis: 'last', training: 1 };
    expect(() => door.run(op, mixture, attributes)).toThrow(startsWith(op));
  });
});

const startsWith = (op: string) => new RegExp(`^${op}: .`);
