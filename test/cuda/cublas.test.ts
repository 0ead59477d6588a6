import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { devices } from '../../src/devices.js';
import { native, type NativeTensor } from '../../src/native.js';
import { generatedValues } from '../generated_values.js';
import { testBinary } from '../native/float64.js';

// What stands in for cuBLAS (test/native/fake_cublas.cc) adds 1 to each product's first element: so
// it is seen who made it. The library is looked for once, when it is first wanted.
const libraries = join(dirname(testBinary), 'fake_libraries');
process.env.MENET_CUDA_LIBRARIES = libraries;

const door = native();

function product(
  a: number[],
  b: number[],
  transposeA: boolean,
  transposeB: boolean,
  device = 'cuda:0',
) {
  const upload = (shape: number[], seed: number): NativeTensor => {
    const values = generatedValues(
      shape.reduce((size, each) => size * each, 1),
      seed,
    );
    const id = door.allocate(values.byteLength, device);
    door.write(id, values);
    return { id, shape, dtype: 'float32' };
  };
  const inputs = [upload(a, 1), upload(b, 2)];
  try {
    const [y] = door.run('BatchMatMul', inputs, { transposeA, transposeB });
    const values = new Float32Array(y!.shape.reduce((size, each) => size * each, 1));
    door.read(y!.id, values);
    door.free(y!.id);
    return { shape: y!.shape, values };
  } finally {
    for (const { id } of inputs) door.free(id);
  }
}

const expectClose = (found: Float32Array, expected: Float32Array) => {
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 4);
  });
};

// A build for a GPU has no stand-in.
describe.skipIf(!existsSync(libraries))('with a library', () => {
  test('devices() says what was found', () => {
    expect(devices().devices[1]).toMatchObject({ libraries: 'cuBLAS (libcublas.so.12)' });
  });

  test.each([
    [1, 1],
    [3, 3],
    [1, 3],
    [3, 1],
  ])('products of %s and %s matrices are those of cuBLAS', (aBatches, bBatches) => {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const a = [aBatches, ...(transposeA ? [5, 4] : [4, 5])];
        const b = [bBatches, ...(transposeB ? [7, 5] : [5, 7])];
        const { shape, values } = product(a, b, transposeA, transposeB);
        const expected = product(a, b, transposeA, transposeB, 'cpu').values;
        expect(shape).toEqual([Math.max(aBatches, bBatches), 4, 7]);
        for (let i = 0; i < expected.length; i += 4 * 7) expected[i]! += 1;
        expectClose(values, expected);
      }
    }
  });

  test('what it cannot have is the built-in kernel’s', () => {
    // two matrices for each of the others
    const [a, b] = [
      [4, 3, 5],
      [2, 5, 6],
    ];
    expectClose(product(a, b, false, false).values, product(a, b, false, false, 'cpu').values);
    // no depth
    expect(product([1, 2, 0], [1, 0, 3], false, false).values).toEqual(new Float32Array(6));
  });

  test('a failure is an error that names it', () => {
    expect(() => product([1, 2, 3], [1, 3, 13], false, false)).toThrow(
      'BatchMatMul: cuBLAS: a matrix product failed with status 13',
    );
  });
});
