import { expect, test } from 'vitest';
import { native, type NativeTensor } from '../../src/native.js';
import { free, randomTensor, read, tensorOf } from './native_tensor.js';

const door = native();

function withBuffer(bytes: number, use: (id: number) => void): void {
  const id = door.allocate(bytes);
  try {
    use(id);
  } finally {
    door.free(id);
  }
}

test('reads what was written, at any offset', () => {
  withBuffer(16, (id) => {
    door.write(id, new Int32Array([1, 2, 3, 4]));
    door.write(id, new Int32Array([9]), 8);
    const values = new Int32Array(3);
    door.read(id, values, 4);
    expect([...values]).toEqual([2, 9, 4]);
  });
});

test('takes parts of array buffers', () => {
  withBuffer(8, (id) => {
    const all = new Float32Array([1, 2, 3, 4]);
    door.write(id, all.subarray(1, 3));
    door.read(id, all.subarray(2));
    expect([...all]).toEqual([1, 2, 2, 3]);
  });
});

test('a view shares memory and outlives its base', () => {
  const before = door.memory();
  const base = door.allocate(64);
  const view = door.view(base, 16, 32);
  const inner = door.view(view, 8, 8);
  door.write(base, new Float32Array([5, 6]), 24);
  door.free(base);
  door.free(view);
  expect(door.memory().bytesInUse - before.bytesInUse).toBe(64);
  const values = new Float32Array(2);
  door.read(inner, values);
  expect([...values]).toEqual([5, 6]);
  door.free(inner);
  expect(door.memory().bytesInUse).toBe(before.bytesInUse);
});

test('ops run on views', () => {
  const base = tensorOf(new Float32Array([1, -2, 3, -4]), [4]);
  const id = door.view(base.id, 4, 8);
  const outputs = door.run('Relu', [{ id, shape: [2], dtype: 'float32' }]);
  expect([...read(outputs[0]!)]).toEqual([0, 3]);
  door.free(id);
  free([base, ...outputs]);
});

test.each([
  [
    'reading too much',
    (id: number) => door.read(id, new Float32Array(5)),
    'read: expected a range within 16 bytes, got 20 bytes at 0',
  ],
  [
    'reading past the end',
    (id: number) => door.read(id, new Float32Array(1), 16),
    'got 4 bytes at 16',
  ],
  [
    'writing too much',
    (id: number) => door.write(id, new Float32Array(4), 4),
    'write: expected a range within 16 bytes, got 16 bytes at 4',
  ],
  [
    'a view past the end',
    (id: number) => door.view(id, 8, 12),
    'view: expected a range within 16 bytes, got 12 bytes from 8',
  ],
  [
    'a negative offset',
    (id: number) => door.view(id, -8, 4),
    'expected a whole number of at least 0',
  ],
  [
    'what is no array',
    (id: number) => door.write(id, [1, 2] as never),
    'expected a typed array, DataView or ArrayBuffer',
  ],
])('%s fails', (_what, use, message) => {
  withBuffer(16, (id) => expect(() => use(id)).toThrow(message));
});

test('handles that were freed or never made are refused everywhere', () => {
  const id = door.allocate(16);
  door.free(id);
  const dead: NativeTensor = { id, shape: [4], dtype: 'float32' };
  expect(() => door.free(id)).toThrow(`free: expected a live buffer, got handle ${id}`);
  expect(() => door.read(id, new Float32Array(4))).toThrow(`got handle ${id}`);
  expect(() => door.write(id, new Float32Array(4))).toThrow(`got handle ${id}`);
  expect(() => door.view(id, 0, 4)).toThrow(`got handle ${id}`);
  expect(() => door.run('Relu', [dead])).toThrow(
    /^Relu: input 0: expected a live buffer, got handle/,
  );
  expect(() => door.read(10 ** 9, new Float32Array(1))).toThrow('freed or never made');
});

test('ops name themselves, what they expected and what they got', () => {
  const x = randomTensor([2, 3], 1);
  const y = randomTensor([2, 4], 2);
  const before = door.memory();
  expect(() => door.run('NoSuchOp', [x])).toThrow('expected the name of a native op, got NoSuchOp');
  expect(() => door.run('Add', [x, y])).toThrow(
    /^Add: expected shapes that broadcast, got \[2,3\] and \[2,4\]/,
  );
  expect(() => door.run('Add', [x])).toThrow('Add: expected 2 inputs, got 1');
  expect(() => door.run('Relu', [{ ...x, shape: [7] }])).toThrow(
    /^Relu: input 0: expected a buffer of 28 bytes .* got 24/,
  );
  expect(() => door.run('Relu', [{ ...x, shape: [-1] }])).toThrow(
    'expected sizes of 0 to 2147483647, got -1',
  );
  expect(() => door.run('Relu', [{ ...x, dtype: 'int64' as never }])).toThrow(
    'expected dtype float32, bfloat16, float16, int32, bool or uint8',
  );
  expect(() => door.run('Exp', [{ ...x, dtype: 'int32' }])).toThrow(
    'Exp: x: expected dtype float32, got int32',
  );
  expect(() => door.run('Transpose', [x])).toThrow(/^Transpose: attribute perm: expected a value/);
  expect(() => door.run('Transpose', [x], { perm: [0, 0] })).toThrow(
    'Transpose: perm: expected each axis of [2,3] once',
  );
  expect(() => door.run('Transpose', [x], { perm: [0, 1.5] })).toThrow(
    'expected an integer, got 1.5',
  );
  expect(() => door.run('Slice', [x], { begin: [0, 2], size: [2, 2] })).toThrow(
    'Slice: expected a part of [2,3]',
  );
  expect(door.memory().bytesInUse).toBe(before.bytesInUse);
  free([x, y]);
});
