import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type MenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import { generatedValues } from '../generated_values.js';

let backend: MenetBackend;
let buffers: number;

beforeAll(async () => {
  await tf.setBackend('menet');
  backend = tf.backend() as MenetBackend;
});
beforeEach(() => {
  buffers = backend.native.memory().buffers;
  tf.engine().startScope();
});
afterEach(() => {
  tf.engine().endScope();
  expect(backend.native.memory().buffers).toBe(buffers);
});

function stored<R extends tf.Rank>(x: tf.Tensor<R>, storage: 'bfloat16' | 'float16') {
  return tf.engine().makeTensorFromTensorInfo(backend.convert(x, storage), backend) as tf.Tensor<R>;
}

const values = Array.from(generatedValues(24, 1), Math.fround);
/** Rounded to 8 bits of mantissa, nearest even, the first one hidden. */
function bf16(value: number): number {
  const [bits] = new Uint32Array(Float32Array.of(value).buffer) as unknown as [number];
  const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(Int32Array.of(rounded).buffer)[0]!;
}

describe.each(['bfloat16', 'float16'] as const)('a tensor stored in %s', (storage) => {
  const expected = () => (storage === 'bfloat16' ? values.map(bf16) : undefined);
  const x = () => stored(tf.tensor(values, [2, 3, 4]), storage);

  it('is float32 for tfjs, in half the memory', async () => {
    const before = backend.memory().bytesInUse;
    const large = tf.zeros([1 << 16]);
    const half = stored(large, storage);
    large.dispose();
    expect(backend.memory().bytesInUse - before).toBe(2 << 16);
    expect([half.dtype, backend.storageOf(half)]).toEqual(['float32', storage]);
    const tensor = x();
    const read = tensor.dataSync();
    expect(read).toBeInstanceOf(Float32Array);
    expect(await tensor.data()).toEqual(read);
    if (expected()) expect([...read]).toEqual(expected());
    for (const [i, value] of values.entries()) expect(read[i]).toBeCloseTo(value, 2);
    expect(read[0]).not.toBe(values[0]);
  });

  it('keeps its storage where elements are only moved', () => {
    const tensor = x();
    const moved = [
      tensor.clone(),
      tensor.reshape([6, 4]),
      tensor.transpose([2, 0, 1]),
      tensor.slice([0, 1, 0], [2, 1, 4]),
      tf.concat([tensor, tensor], 1),
      tensor.reverse(0),
    ];
    for (const y of moved) expect(backend.storageOf(y)).toBe(storage);
    const whole = tensor.arraySync() as number[][][];
    expect(moved[5]!.arraySync()).toEqual([...whole].reverse());
  });

  it('is computed with in float32', () => {
    const tensor = x();
    const same = tf.tensor(tensor.dataSync(), [2, 3, 4]);
    const operations: ((t: tf.Tensor) => tf.Tensor)[] = [
      (t) => t.add(1),
      (t) => t.sum(),
      (t) => t.mean([0, 1]),
      (t) => t.relu(),
      (t) => t.cast('int32'),
      (t) => tf.concat([t, tf.ones([2, 3, 4])]),
      (t) => tf.matMul(t.reshape([6, 4]), t.reshape([4, 6])),
    ];
    for (const operation of operations) {
      const found = operation(tensor);
      expect(found.dataSync()).toEqual(operation(same).dataSync());
      expect(backend.storageOf(found)).toBe(found.dtype);
    }
  });

  it('is float32 for kernels of tfjs-backend-cpu, which leave it on the host', () => {
    const tensor = x();
    const read = tensor.dataSync();
    const found = tf.cumsum(tensor.reshape([24])); // has no native kernel
    const sums = tf.cumsum(tf.tensor1d(read));
    expect(found.dataSync()).toEqual(sums.dataSync());
    expect(tensor.dataSync()).toEqual(read);
    expect(tensor.add(0).dataSync()).toEqual(read);
  });

  it('moves to another backend', async () => {
    const tensor = x();
    const read = tensor.dataSync();
    await tf.setBackend('cpu');
    expect(tensor.add(0).dataSync()).toEqual(read);
    await tf.setBackend('menet');
  });

  it('has gradients', () => {
    const tensor = x();
    const gradient = tf.grad((t: tf.Tensor) => t.square().sum())(tensor);
    expect(gradient.dataSync()).toEqual(tensor.dataSync().map((value) => 2 * value));
  });
});
