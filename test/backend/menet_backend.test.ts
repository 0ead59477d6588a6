import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  backendName,
  currentMenetBackend,
  type MenetBackend,
} from '../../src/backend/menet_backend.js';
import { registerMenetBackend } from '../../src/backend/register.js';
import { native } from '../../src/native.js';
import { randomValues } from './random_values.js';

let backend: MenetBackend;

beforeEach(async () => {
  await tf.setBackend(backendName);
  backend = currentMenetBackend()!;
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.doUnmock('../../src/native.js');
});

describe('registration', () => {
  test('leaves the default backend alone', () => {
    tf.removeBackend(backendName);
    registerMenetBackend();
    tf.ones([1]).dispose();
    expect(tf.getBackend()).toBe('cpu');
    expect(currentMenetBackend()).toBeUndefined();
    expect(tf.engine().findBackendFactory(backendName)).toBeTypeOf('function');
  });

  test('a second copy of the package changes nothing', () => {
    const warn = vi.spyOn(console, 'warn');
    const factory = tf.findBackendFactory(backendName);
    registerMenetBackend();
    expect(tf.findBackendFactory(backendName)).toBe(factory);
    expect(warn).not.toHaveBeenCalled();
  });

  test('without a binary there is no backend and one warning', async () => {
    tf.removeBackend(backendName);
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    vi.resetModules();
    vi.doMock('../../src/native.js', () => ({
      findNative: () => undefined,
      nativeFailure: () => 'no native binary for plan9-mips',
    }));
    await import('../../src/backend/register.js');
    expect(tf.findBackendFactory(backendName)).toBeFalsy();
    expect(warn.mock.calls).toEqual([[expect.stringContaining('no native binary for plan9-mips')]]);
    registerMenetBackend();
  });
});

describe('data', () => {
  test.each([
    ['float32', [1.5, -2, NaN, Infinity]],
    ['int32', [1, -2, 2147483647]],
    ['bool', [1, 0, 1]],
  ] as const)('%s comes back from native memory', (dtype, values) => {
    const x = tf.tensor1d([...values], dtype);
    void backend.data.get(x.dataId).buffer;
    expect([...x.dataSync()]).toEqual(values);
    expect([...x.clone().dataSync()]).toEqual(values);
    x.dispose();
  });

  test('complex64 and strings stay on the host', () => {
    const z = tf.complex([1, 2], [3, 4]);
    const text = tf.tensor1d(['a', 'ß']);
    const { buffers } = native().memory();
    expect([...z.dataSync()]).toEqual([1, 3, 2, 4]);
    expect(text.dataSync()).toEqual(['a', 'ß']);
    expect(native().memory().buffers).toBe(buffers);
    expect(() => backend.run('Relu', [text])).toThrow(
      'expected a tensor of float32, int32 or bool',
    );
  });

  test('moves between backends', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const y = tf.square(x);
    await tf.setBackend('cpu');
    const z = tf.add(y, 1);
    await tf.setBackend(backendName);
    expect([...tf.mul(z, 2).dataSync()]).toEqual([4, 10, 20]);
  });

  test('what a kernel of tfjs-backend-cpu reads and writes is what native kernels see', () => {
    const x = tf.relu(tf.tensor1d([-1, 2, 3]));
    const sums = tf.cumsum(x);
    expect([...tf.add(sums, x).dataSync()]).toEqual([0, 4, 8]);
  });

  test('relabelled as a higher type by tfjs-backend-cpu, data are converted', () => {
    const integers = tf.tensor1d([1, 2, 3], 'int32');
    const relabelled = { dataId: integers.dataId, shape: [3], dtype: 'float32' as const };
    const [y] = backend.run('Add', [relabelled, tf.tensor1d([0.5, 0.5, 0.5])]);
    expect([...(backend.readSync(y!.dataId) as Float32Array)]).toEqual([1.5, 2.5, 3.5]);
    backend.disposeData(y!.dataId);
  });
});

describe('memory', () => {
  test('tidy gives everything back', () => {
    const before = native().memory();
    tf.tidy(() => {
      tf.sum(tf.matMul(tf.ones([50, 50]), tf.ones([50, 50])));
    });
    const after = native().memory();
    expect(after.bytesInUse).toBe(before.bytesInUse);
    expect(after.buffers).toBe(before.buffers);
  });

  test('a failing op leaves nothing behind', () => {
    const x = tf.relu(tf.ones([3, 4]));
    const before = native().memory();
    const bytes = { bytes: new Uint8Array(12), shape: [3, 4] };
    expect(() => backend.run('Add', [bytes, x])).toThrow(/^Add: .*float32.*uint8/);
    expect(native().memory().bytesInUse).toBe(before.bytesInUse);
    x.dispose();
  });

  test('tensors that are forgotten are freed by garbage collection', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const { buffers } = native().memory();
    const forget = () => {
      for (let i = 0; i < 20; i++) tf.relu(tf.fill([100], i));
    };
    forget();
    expect(native().memory().buffers).toBeGreaterThanOrEqual(buffers + 20);
    await vi.waitFor(() => {
      gc();
      expect(native().memory().buffers).toBeLessThanOrEqual(buffers);
    });
  });

  test('dispose() gives the pool back to the system', async () => {
    const kept = tf.relu(tf.ones([1000]));
    expect(native().memory().bytesReserved).toBeGreaterThan(0);
    tf.removeBackend(backendName);
    expect(native().memory()).toMatchObject({ bytesInUse: 0, bytesReserved: 0, buffers: 0 });
    expect(() => kept.dataSync()).toThrow();
    registerMenetBackend();
    await tf.setBackend(backendName);
    expect([...tf.relu(tf.tensor1d([-1, 1])).dataSync()]).toEqual([0, 1]);
  });

  test('tf.memory() reports native bytes', () => {
    const x = tf.relu(tf.ones([1000]));
    const memory = tf.memory() as tf.MemoryInfo & { bytesInUse: number };
    expect(memory.bytesInUse).toBe(native().memory().bytesInUse);
    expect(memory.bytesInUse).toBeGreaterThanOrEqual(4000);
    x.dispose();
  });
});

describe('writable', () => {
  const overwrite = (variable: tf.Variable) =>
    backend.native.write(backend.data.get(variable.dataId).buffer, new Float32Array([7, 8]));

  test('clones keep their values', () => {
    const initial = tf.tensor1d([1, 2]);
    const variable = tf.variable(initial);
    const clone = variable.clone();
    overwrite(backend.writable(variable));
    expect([...variable.dataSync()]).toEqual([7, 8]);
    expect([...clone.dataSync()]).toEqual([1, 2]);
    expect([...initial.dataSync()]).toEqual([1, 2]);
    variable.dispose();
  });

  test('a variable that shares its data with nothing keeps its buffer', () => {
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const buffer = backend.data.get(variable.dataId).buffer;
    overwrite(backend.writable(variable));
    expect(backend.data.get(variable.dataId).buffer).toBe(buffer);
    expect([...variable.dataSync()]).toEqual([7, 8]);
    variable.dispose();
  });
});

test('unusual layouts and types run through the fallback', async () => {
  const run = () => {
    const x = tf.tensor4d(randomValues(2 * 3 * 8 * 8, 1), [2, 3, 8, 8]);
    const filter = tf.tensor4d(randomValues(3 * 3 * 3 * 5, 2), [3, 3, 3, 5]);
    const multiplied = tf.tensor4d(randomValues(3 * 3 * 8 * 2, 3), [3, 3, 8, 2]);
    return [
      tf.conv2d(x, filter, 1, 'same', 'NCHW'),
      tf.depthwiseConv2d(x, multiplied, 1, 'same'),
      tf.add(tf.cast(x, 'bool'), tf.cast(x, 'bool')),
      tf.exp(tf.cast(x, 'int32')),
    ].map((y) => [...y.dataSync()]);
  };
  const actual = tf.tidy(run);
  await tf.setBackend('cpu');
  expect(actual).toEqual(tf.tidy(run as never));
});
