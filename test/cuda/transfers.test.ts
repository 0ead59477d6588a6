import * as tf from '@tensorflow/tfjs';
import { describe, expect, test, vi } from 'vitest';
import '../../src/backend/register.js';
import { TensorData } from '../../src/backend/tensor_data.js';
import { native } from '../../src/native.js';

const door = native();

const values = Float32Array.from({ length: 5000 }, (_, i) => i - 2500);

function upload(): number {
  const id = door.allocate(values.byteLength, 'cuda:0');
  door.write(id, values);
  return id;
}

test('transfers larger than a staging block', () => {
  const large = new Float32Array((80 << 20) / 4).map((_, i) => i % 8191);
  const id = door.allocate(large.byteLength, 'cuda:0');
  door.write(id, large);
  const read = new Float32Array(large.length);
  door.read(id, read);
  expect(Buffer.compare(Buffer.from(read.buffer), Buffer.from(large.buffer))).toBe(0);
  door.free(id);
});

describe('writeAsync', () => {
  test.each([
    ['shared memory', new SharedArrayBuffer((40 << 20) + 12)],
    ['memory that is detached meanwhile', new ArrayBuffer((40 << 20) + 12)],
  ])('writes what there was in %s, whoever frees the buffer', async (_, memory) => {
    const bytes = new Uint8Array(memory).map((_, i) => i % 251);
    const source = new Uint8Array(memory);
    source.set(bytes);
    const id = door.allocate(bytes.length + 4, 'cuda:0');
    door.write(id, new Uint8Array(bytes.length + 4));
    const same = door.view(id, 0, bytes.length + 4);
    const written = door.writeAsync(id, source, 4);
    door.free(id);
    if (memory instanceof ArrayBuffer) structuredClone(memory, { transfer: [memory] });
    await written;
    const read = new Uint8Array(bytes.length);
    door.read(same, read, 4);
    expect(Buffer.compare(read, bytes)).toBe(0);
    door.free(same);
  });

  test('checks its range', () => {
    const id = door.allocate(8, 'cuda:0');
    expect(() => door.writeAsync(id, new Uint8Array(8), 1)).toThrow(
      'writeAsync: expected a range within 8 bytes, got 8 bytes at 1',
    );
    door.free(id);
  });
});

describe('readAsync', () => {
  test('resolves to what the buffer held, whatever happens to it next', async () => {
    const id = upload();
    const whole = door.readAsync(id, values.byteLength);
    const part = door.readAsync(id, 8, 400);
    door.write(id, new Float32Array(5000));
    door.free(id);
    expect(new Float32Array(await whole)).toEqual(values);
    expect([...new Float32Array(await part)]).toEqual([-2400, -2399]);
  });

  test('checks its range', () => {
    const id = upload();
    expect(() => door.readAsync(id, 8, 20_000)).toThrow(
      'readAsync: expected a range within 20000 bytes, got 8 bytes at 20000',
    );
    door.free(id);
  });

  test('data() of a tensor does not read synchronously', async () => {
    await tf.setBackend('menet');
    const x = tf.relu(tf.tensor1d([-1, 2, 3]));
    const read = vi.spyOn(TensorData.prototype, 'read');
    expect([...(await x.data())]).toEqual([0, 2, 3]);
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
    x.dispose();
  });
});
