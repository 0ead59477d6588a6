import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { generatedValues } from '../generated_values.js';
import { testBinary, testNative as door } from '../native/float64.js';
import { sanitized } from '../sanitized.js';

// The CPU shim of the test build must run correct kernels exactly, and show what is wrong with
// the others (test/native/shim_kernels.cu).

const size = 64 * 9;
const x = Float32Array.from(generatedValues(size, 3));

function run(op: string, mistake: string): Float32Array {
  const id = door.allocate(x.byteLength, 'cuda:0');
  door.write(id, x);
  try {
    const [y] = door.run(op, [{ id, shape: [size], dtype: 'float32' }], { mistake });
    const values = new Float32Array(y!.shape[0]!);
    door.read(y!.id, values);
    door.free(y!.id);
    return values;
  } finally {
    door.free(id);
  }
}

const reversed = (length: number) =>
  x.map((_, i) => x[i - (i % length) + length - 1 - (i % length)]!);

describe('correct kernels', () => {
  test('through shared memory, with barriers of the block', () => {
    for (let round = 0; round < 10; round++) {
      expect(run('ShimReverse', 'none')).toEqual(reversed(64));
    }
  });

  test('through dynamic shared memory, with barriers of the warp', () => {
    expect(run('ShimReverseWarps', 'none')).toEqual(reversed(32));
  });

  test('shuffles and ballots', () => {
    const y = run('ShimWarpSums', 'none');
    for (let i = 0; i < size; i++) {
      const warp = x.subarray(i - (i % 32), i - (i % 32) + 32);
      const sum = warp.reduce((a, b) => a + b, 0);
      const above = warp.reduce((count, value) => count + (value > 0 ? 1 : 0), 0);
      expect(y[i]).toBeCloseTo(i % 2 === 0 ? sum : sum + 1000 * above, 2);
    }
  });

  test('atomics', () => {
    const counts = new Int32Array(run('ShimCountAbove', 'none').buffer);
    expect([...counts]).toEqual([x.filter((value) => value > 0).length, 8]);
  });
});

describe('mistakes', () => {
  const wrong = (op: string, mistake: string, expected: Float32Array) =>
    run(op, mistake).filter((value, i) => value !== expected[i]).length;

  test('a missing barrier: half of the threads read what is not there yet', () => {
    expect(wrong('ShimReverse', 'no barrier', reversed(64))).toBeGreaterThan(size / 4);
    expect(wrong('ShimReverseWarps', 'no barrier', reversed(32))).toBeGreaterThan(size / 4);
  });

  test('a missing barrier before shared memory is written again', () => {
    expect(wrong('ShimReverse', 'no second barrier', reversed(64))).toBeGreaterThan(size / 8);
  });

  test('barriers at different places', () => {
    expect(() => run('ShimReverse', 'divergence')).toThrow(
      /ShimReverse: kernel: threads wait at different barriers, .*shim_kernels.cu:\d+ and /,
    );
  });

  test('a thread that ends before a barrier', () => {
    expect(() => run('ShimReverse', 'early end')).toThrow('a thread ended while others wait');
  });

  test('the shim works on after a kernel that it gave up', () => {
    expect(() => run('ShimReverse', 'divergence')).toThrow();
    expect(run('ShimReverse', 'none')).toEqual(reversed(64));
  });

  // Only the address sanitizer sees these: `npm run test:sanitized`.
  test.runIf(sanitized).each(['ShimReverse', 'ShimReverseWarps'])(
    '%s beyond its shared memory',
    (op) => {
      const script = `
        const door = require(${JSON.stringify(testBinary)});
        const id = door.allocate(256, 'cuda:0');
        door.run('${op}', [{ id, shape: [64], dtype: 'float32' }], { mistake: 'overrun' });`;
      const { status, stderr } = spawnSync(process.execPath, ['-e', script]);
      expect(status).not.toBe(0);
      expect(stderr.toString()).toContain('heap-buffer-overflow');
    },
  );
});
