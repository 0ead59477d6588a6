import { describe, expect, test } from 'vitest';
import { type Attribute, type NativeTensor } from '../../src/native.js';
import { generatedValues } from '../generated_values.js';
import { testNative as door } from '../native/float64.js';
import { download, halfTypes, rounding, type StorageType } from '../native/half.js';

// Ops whose activations may be stored in 16 bits: CUDA's kernels against the CPU's.

interface Input {
  shape: number[];
  dtype: StorageType;
  /** added to the values, which lie in [-1, 1) */
  offset?: number;
}

const float = (shape: number[], offset = 0): Input => ({ shape, dtype: 'float32', offset });
const norm = (channels: number): Input[] => [0, 0, 0, 1.5].map((v) => float([channels], v));

interface Case {
  op: string;
  inputs: (storage: StorageType) => Input[];
  attributes: Record<string, Attribute>;
}

const x = (shape: number[]) => (dtype: StorageType) => [{ shape, dtype }];

/** Odd maps and channels that fill no vector; wide ones, of which a block has a part. */
const separable = (
  shape: [number, number, number, number],
  out: number,
  strides: number,
): Case => ({
  op: 'DepthwiseSeparable',
  inputs: (dtype) => [
    { shape, dtype },
    float([3, 3, shape[3], 1]),
    ...norm(shape[3]),
    float([1, 1, shape[3], out]),
    ...norm(out),
  ],
  attributes: { strides, training: true },
});

const stem = (pooling: boolean): Case => ({
  op: 'Stem',
  inputs: () => [float([2, 17, 19, 3]), float([3, 3, 3, 13]), ...norm(13)],
  attributes: { training: true, pooling, inputGradient: pooling },
});

const forward: Case[] = [
  separable([2, 9, 11, 5], 7, 1),
  separable([1, 15, 8, 57], 16, 1),
  separable([3, 13, 17, 6], 8, 2),
  separable([1, 2, 3, 300], 9, 1),
  separable([2, 7, 9, 269], 9, 2),
  stem(true),
  stem(false),
  { op: 'Cast', inputs: x([3, 41]), attributes: { dtype: 'float32' } },
  { op: 'Identity', inputs: x([3, 41]), attributes: {} },
  { op: 'Mean', inputs: x([3, 49, 57]), attributes: { axes: [1], keepDims: false } },
  { op: 'Mean', inputs: x([7, 300]), attributes: { axes: [1], keepDims: false } },
];

/** Moves of elements know their size alone (test/native/half_ops.test.ts), units have more tests. */
const elsewhere =
  /^(Slice|SplitV|Concat|Pad.*|Tile|Transpose|Reverse|(MeUnit|ShuffleUnit|MergeEvolve|GroupConvShuffleDepthwise)(Grad)?)$/;

test('every op that takes 16-bit tensors is tested with them on CUDA', () => {
  const tested = new Set(forward.flatMap(({ op }) => [op, `${op}Grad`]));
  expect(door.halfOps().filter((op) => !tested.has(op) && !elsewhere.test(op))).toEqual([]);
});

function upload(input: Input, seed: number, device: string, misaligned = false): NativeTensor {
  const { shape, dtype, offset = 0 } = input;
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from(generatedValues(size, seed), (v) => v + offset);
  const id = door.allocate(values.byteLength, device);
  door.write(id, values);
  const tensor: NativeTensor = { id, shape, dtype: 'float32' };
  if (dtype === 'float32') return tensor;
  const [half] = door.run('Cast', [tensor], { dtype }) as [NativeTensor];
  door.free(id);
  return misaligned ? behindOneElement(half, size, device) : half;
}

/** The same tensor as a view that begins 2 bytes behind an aligned address. */
function behindOneElement(tensor: NativeTensor, size: number, device: string): NativeTensor {
  const bytes = new Uint8Array(2 * size);
  door.read(tensor.id, bytes);
  door.free(tensor.id);
  const whole = door.allocate(bytes.length + 2, device);
  door.write(whole, bytes, 2);
  const id = door.view(whole, 2, bytes.length);
  door.free(whole);
  return { ...tensor, id };
}

interface Saved {
  type: NativeTensor;
  bytes: Uint8Array;
}

function read(tensor: NativeTensor): Saved {
  const size = tensor.shape.reduce((a, b) => a * b, 1);
  const bytes = new Uint8Array(size * (tensor.dtype === 'float32' ? 4 : 2));
  door.read(tensor.id, bytes);
  door.free(tensor.id);
  return { type: { ...tensor, id: 0 }, bytes };
}

function write({ type, bytes }: Saved, device: string): NativeTensor {
  const id = door.allocate(bytes.length, device);
  door.write(id, bytes);
  return { ...type, id };
}

const valuesOf = (tensor: Saved) => download(door, write(tensor, 'cpu')).data;

const attributesOf = ({ op, attributes }: Case, dtype: StorageType) =>
  op === 'Stem' ? { ...attributes, storage: dtype } : attributes;

const inputsOf = (each: Case, dtype: StorageType, device: string, misaligned = false) =>
  each.inputs(dtype).map((input, i) => upload(input, i + 1, device, misaligned && i === 0));

function run(each: Case, dtype: StorageType, device: string, misaligned = false): Saved[] {
  const inputs = inputsOf(each, dtype, device, misaligned);
  const outputs = door.run(each.op, inputs, attributesOf(each, dtype), device);
  for (const { id } of inputs) door.free(id);
  return outputs.map(read);
}

/** The gradient, from what the CPU has saved: another rounding may move a sign, and relu's mask. */
function runGradient(
  each: Case,
  dtype: StorageType,
  forward: readonly Saved[],
  device: string,
  misaligned = false,
): Saved[] {
  const inputs = inputsOf(each, dtype, device, misaligned);
  const [y, ...saved] = forward.map((tensor) => write(tensor, device));
  const dy = upload({ shape: y!.shape, dtype }, 99, device);
  const all = [dy, y!, ...inputs, ...saved];
  const gradients = door.run(`${each.op}Grad`, all, attributesOf(each, dtype), device);
  for (const { id } of all) door.free(id);
  return gradients.map(read);
}

const length = (values: Iterable<number>) => Math.hypot(...values);

function compare(found: Saved[], expected: Saved[], tolerance: number): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((tensor, i) => {
    const values = valuesOf(tensor);
    const others = valuesOf(found[i]!);
    expect(found[i]!.type.dtype).toBe(tensor.type.dtype);
    const error = length(values.map((value, k) => value - others[k]!));
    expect(error, `output ${i}`).toBeLessThanOrEqual(tolerance * length(values) + 1e-6);
  });
}

describe.each(halfTypes)('in %s', (dtype) => {
  const tolerance = 32 * rounding[dtype];

  test.each(forward)('$op: %#', (each) => {
    const expected = run(each, dtype, 'cpu');
    const found = run(each, dtype, 'cuda:0');
    compare(found, expected, tolerance);
    expect(run(each, dtype, 'cuda:0')).toEqual(found);
    if (!each.attributes.training) return;
    const gradient = (device: string) => runGradient(each, dtype, expected, device);
    const gradients = gradient('cuda:0');
    compare(gradients, gradient('cpu'), tolerance);
    expect(gradient('cuda:0')).toEqual(gradients);
  });

  test('a view that begins between two vectors gives the same bits', () => {
    for (const each of [forward[1]!, forward[2]!, forward[3]!]) {
      const expected = run(each, dtype, 'cuda:0');
      expect(run(each, dtype, 'cuda:0', true)).toEqual(expected);
      const gradient = (misaligned: boolean) =>
        runGradient(each, dtype, expected, 'cuda:0', misaligned);
      expect(gradient(true)).toEqual(gradient(false));
    }
  });
});
