import { afterEach, describe, expect, test } from 'vitest';
import { type Attribute, type NativeTensor } from '../../src/native.js';
import { generatedValues } from '../generated_values.js';
import { testNative as door } from '../native/float64.js';

// Tensor cores and asynchronous copies, which the shim imitates lane by lane
// (test/native/shim_products.cu), and units whose products are cut for small shared memory. How
// exact 16-bit units are: test/native/half_units.test.ts.

/** A float32 tensor on a device. */
interface Values {
  shape: number[];
  data: Float32Array;
}

function values(shape: number[], seed: number, offset = 0): Values {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from(generatedValues(size, seed), (v) => v + offset) };
}

function run(
  op: string,
  inputs: readonly Values[],
  attributes: Record<string, Attribute>,
  device = 'cuda:0',
): Values[] {
  const tensors = inputs.map(({ shape, data }) => {
    const id = door.allocate(data.byteLength, device);
    door.write(id, data);
    return { id, shape, dtype: 'float32' as const };
  });
  const outputs = door.run(op, tensors, attributes, device);
  const results = outputs.map(({ id, shape }) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    door.read(id, data);
    return { shape, data };
  });
  for (const { id } of [...tensors, ...outputs]) door.free(id);
  return results;
}

/** Values that both 16-bit types hold exactly, as they do products and sums of a few. */
const eighths = (shape: number[], seed: number): Values => {
  const { data } = values(shape, seed);
  return { shape, data: data.map((v) => Math.round(v * 8) / 8) };
};

const transposed = ({ shape: [rows, columns], data }: Values): Values => ({
  shape: [columns!, rows!],
  data: data.map((_, i) => data[(i % rows!) * columns! + Math.floor(i / rows!)]!),
});

function product(a: Values, b: Values): number[] {
  const [rows, depth] = a.shape as [number, number];
  const columns = b.shape[1]!;
  return Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      sum += a.data[Math.floor(i / columns) * depth + k]! * b.data[k * columns + (i % columns)]!;
    }
    return sum;
  });
}

describe('tensor cores', () => {
  test.each(['bfloat16', 'float16'])('fragments of %s lie as documented', (storage) => {
    const a = eighths([16, 16], 1);
    const b = eighths([16, 8], 2);
    const [c] = run('ShimFragments', [a, b], { storage, rows: 16, columns: 8 });
    expect([...c!.data]).toEqual(product(a, b));
  });

  describe.each(['bfloat16', 'float16', 'float32'])("a warp's product in %s", (storage) => {
    test.each([
      [32, 32, 48],
      [32, 19, 19],
      [19, 12, 32],
      [3, 1, 5],
    ])('%i rows, %i columns, depth %i', (rows, columns, depth) => {
      const a = eighths([rows, depth], 3);
      const b = eighths([depth, columns], 4);
      const expected = product(a, b);
      for (const [deepA, deepB] of [
        [true, false],
        [true, true],
        [false, false],
      ] as const) {
        const inputs = [deepA ? a : transposed(a), deepB ? transposed(b) : b];
        const sizes = { rows, columns, depth };
        const [c] = run('ShimTileProduct', inputs, { storage, deepA, deepB, ...sizes });
        expect([...c!.data]).toEqual(expected);
      }
    });
  });
});

test('what is copied asynchronously is there after a wait, and not before', () => {
  const x = values([128], 5);
  const rotated = x.data.map((_, i) => x.data[(i + 4) % 128]!);
  expect(run('ShimCopyThrough', [x], { wait: true })[0]!.data).toEqual(rotated);
  const early = run('ShimCopyThrough', [x], { wait: false })[0]!.data;
  expect([...early].every(Number.isNaN)).toBe(true);
});

function upload({ shape, data }: Values, device: string): NativeTensor {
  const id = door.allocate(data.byteLength, device);
  door.write(id, data);
  return { id, shape, dtype: 'float32' };
}

function download({ id, shape }: NativeTensor): Values {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  door.read(id, data);
  return { shape, data };
}

const norm = (channels: number, seed: number): Values[] => [
  values([channels], seed, 1.5),
  values([channels], seed + 1),
  values([channels], seed + 2),
  values([channels], seed + 3, 1.5),
];

interface Case {
  op: string;
  inputs: Values[];
  attributes: Record<string, Attribute>;
}

/** Three groups of 13 channels, so that rows are no multiple of a vector. */
const meUnit = (strides: number, map = [1, 9, 11]): Case => ({
  op: 'MeUnit',
  inputs: [
    values([...map, 84], 1),
    values([1, 1, 28, 39], 2),
    ...norm(39, 3),
    values([3, 3, 39, 1], 4),
    ...norm(39, 5),
    values([1, 1, 39, 12], 6),
    ...norm(12, 7),
    values([3, 3, 12, 12], 8),
    ...norm(12, 9),
    values([1, 1, 12, 39], 10),
    ...norm(39, 11),
    values([1, 1, 13, 84], 12),
    ...norm(84, 13),
  ],
  attributes: { groups: 3, strides, training: true },
});

/** One group, so wide that in little memory its weights are cut up. */
const separable: Case = {
  op: 'DepthwiseSeparable',
  inputs: [
    values([1, 8, 9, 150], 1),
    values([3, 3, 150, 1], 2),
    ...norm(150, 3),
    values([1, 1, 150, 170], 4),
    ...norm(170, 5),
  ],
  attributes: { strides: 1, training: true },
};

/** y and the gradients. */
function forwardAndBack({ op, inputs, attributes }: Case, device: string): Values[] {
  const tensors = inputs.map((each) => upload(each, device));
  const outputs = door.run(op, tensors, attributes, device);
  const [y, ...saved] = outputs;
  const dy = upload(values(y!.shape, 20), device);
  const gradients = door.run(`${op}Grad`, [dy, y!, ...tensors, ...saved], attributes, device);
  const results = [y!, ...gradients].map(download);
  for (const { id } of [...tensors, ...outputs, dy, ...gradients]) door.free(id);
  return results;
}

/** Distance over length. */
function error(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((v, i) => v - b[i]!)) / Math.hypot(...b);
}

describe('little shared memory cuts products up, and changes nothing', () => {
  afterEach(() => {
    delete process.env.MENET_SHIM_SHARED;
  });

  describe.each([meUnit(1), meUnit(2), separable])('$op $attributes.strides', (unit) => {
    const expected = forwardAndBack(unit, 'cpu');
    test.each([227, 99, 48, 36])('%i KiB', (kibibytes) => {
      process.env.MENET_SHIM_SHARED = String(kibibytes);
      forwardAndBack(unit, 'cuda:0').forEach(({ data }, k) => {
        expect(error(data, expected[k]!.data), `output ${String(k)}`).toBeLessThan(2e-5);
      });
    });
  });

  test('too little of it is an error that says so', () => {
    process.env.MENET_SHIM_SHARED = '4';
    expect(() => forwardAndBack(meUnit(1), 'cuda:0')).toThrow('whose tiles fit into shared memory');
  });
});
test.each([
  [9, 3, 3],
  [30, 3, 1],
  [30, 1, 3],
])('a tile of products reaches over %i images of %i x %i pixels', (...map) => {
  const unit = meUnit(2, map);
  const expected = forwardAndBack(unit, 'cpu');
  forwardAndBack(unit, 'cuda:0').forEach(({ data }, k) => {
    expect(error(data, expected[k]!.data), `output ${String(k)}`).toBeLessThan(2e-5);
  });
});
