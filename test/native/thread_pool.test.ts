import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { native, type Attribute, type NativeTensor } from '../../src/native.js';
import { free, randomTensor, read } from './native_tensor.js';

const door = native();
const threads = door.threads();
afterAll(() => void door.threads(threads));

const window = { strides: [1, 1], dilations: [1, 1], pad: [1, 1, 1, 1] };
const images = [4, 19, 17, 21];

/** Ops that add up across threads or share out work in odd pieces. */
const cases: [string, number[][], Record<string, Attribute>][] = [
  ['Add', [[101, 333], [333]], {}],
  [
    'BatchMatMul',
    [
      [3, 77, 65],
      [3, 65, 41],
    ],
    { transposeA: false, transposeB: false },
  ],
  ['Conv2D', [images, [3, 3, 21, 18]], window],
  ['Conv2DBackpropFilter', [images, [4, 19, 17, 18]], { ...window, filterShape: [3, 3, 21, 18] }],
  [
    'Conv2DBackpropInput',
    [
      [4, 19, 17, 18],
      [3, 3, 21, 18],
    ],
    { ...window, inputShape: images },
  ],
  [
    'DepthwiseConv2dNativeBackpropFilter',
    [images, images],
    { ...window, filterShape: [3, 3, 21, 1] },
  ],
  ['MaxPoolGrad', [images, images], { ...window, filterSize: [3, 3] }],
  ['Mean', [[7, 30_011]], { axes: [1], keepDims: false }],
  ['Sum', [[30_011, 7]], { axes: [0], keepDims: false }],
  ['Sum', [[200_003]], { axes: [0], keepDims: false }],
  ['Transpose', [[67, 129, 33]], { perm: [2, 0, 1] }],
];

function run(
  op: string,
  inputs: NativeTensor[],
  attributes: Record<string, Attribute>,
): Float32Array {
  const outputs = door.run(op, inputs, attributes);
  const values = read(outputs[0]!);
  free(outputs);
  return values;
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
}

describe.each(cases)('%s of %j', (op, shapes, attributes) => {
  test('is the same bit for bit for the same number of threads, and close for others', () => {
    const inputs = shapes.map((shape, i) => randomTensor(shape, i + 1));
    door.threads(1);
    const alone = run(op, inputs, attributes);
    const greatest = alone.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    for (const count of [1, 2, 3, 4]) {
      expect(door.threads(count)).toBe(count);
      const values = run(op, inputs, attributes);
      for (let i = 0; i < 5; i++) expect(sameBits(run(op, inputs, attributes), values)).toBe(true);
      const difference = values.reduce((a, b, i) => Math.max(a, Math.abs(b - alone[i]!)), 0);
      expect(difference / greatest).toBeLessThan(2e-6);
    }
    free(inputs);
  });
});

test.each([0, 257, 1e9])('%d threads are refused', (count) => {
  expect(() => door.threads(count)).toThrow(`threads: expected 1 to 256, got`);
});

const addon =
  process.env.MENET_BINARY ?? path.resolve(import.meta.dirname, '../../build/Release/menet.node');

/** Threads of a fresh process after each step, and what it made of MENET_THREADS. */
function threadsOfProcess(environment: Record<string, string>): number[] {
  const script = `
    const count = () => require('fs').readdirSync('/proc/self/task').length;
    const before = count();
    const door = require(${JSON.stringify(addon)});
    const id = door.allocate(4 << 20);
    const loaded = count();
    door.run('Relu', [{ id, shape: [1 << 20], dtype: 'float32' }]);
    console.log(JSON.stringify([loaded - before, count() - before, door.threads()]));`;
  const output = execFileSync(process.execPath, ['-e', script], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return JSON.parse(output) as number[];
}

test.skipIf(process.platform !== 'linux')('no thread starts before the first parallel op', () => {
  expect(threadsOfProcess({ MENET_THREADS: '3' })).toEqual([0, 2, 3]);
  expect(threadsOfProcess({ MENET_THREADS: '1' })).toEqual([0, 0, 1]);
});

test('a wrong MENET_THREADS is reported by name', () => {
  expect(() => threadsOfProcess({ MENET_THREADS: 'many' })).toThrow(
    'MENET_THREADS: expected 1 to 256, got many',
  );
});

test.skipIf(process.platform !== 'linux')('workers that come and go share one pool', () => {
  const script = `
    const { Worker } = require('worker_threads');
    const code = \`
      const door = require(${JSON.stringify(addon)});
      const id = door.allocate(4 << 20);
      door.run('Relu', [{ id, shape: [1 << 20], dtype: 'float32' }]);\`;
    const work = () => new Promise((resolve, reject) => {
      new Worker(code, { eval: true }).on('exit', resolve).on('error', reject);
    });
    (async () => {
      await work();
      const count = () => require('fs').readdirSync('/proc/self/task').length;
      const first = count();
      for (let i = 0; i < 3; i++) await work();
      console.log(count() - first);
    })();`;
  const environment = { ...process.env, MENET_THREADS: '3' };
  const output = execFileSync(process.execPath, ['-e', script], { env: environment });
  expect(output.toString()).toBe('0\n');
});
