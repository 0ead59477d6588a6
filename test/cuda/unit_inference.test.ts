import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { inputsOf } from '../../src/ops/native_unit.js';
import { native, type NativeDType, type NativeTensor } from '../../src/native.js';
import { runFloat64 } from '../native/float64.js';
import { randomUnit, type UnitShape, unitShapes } from '../ops/random_units.js';
import { unitOps } from '../ops/unit_ops.js';

// One kernel per unit in inference form. That it ran, and not the passes, is seen by the number of
// launches: it has one.

const door = native();
const passes = [0, 0];

interface Run {
  y: Float64Array;
  launches: number;
}

/** A unit's inputs as numbers, and the op on them in a storage type. */
class Unit {
  private inputs: { shape: number[]; values: Float32Array }[] = [];
  private readonly activations: number;

  constructor(
    readonly op: string,
    readonly shape: UnitShape,
  ) {
    const unit = randomUnit(shape, 1, false);
    let activations = 0;
    tf.tidy(() => {
      const made = unitOps[op]!(unit, shape);
      activations = made.activations.length;
      this.inputs = inputsOf(made).map((tensor) => ({
        shape: tensor.shape,
        values: Float32Array.from(tensor.dataSync()),
      }));
    });
    unit.dispose();
    this.activations = activations;
  }

  run(tile?: number[], dtype: NativeDType = 'float32'): Run {
    const tensors = this.inputs.map(({ shape, values }, i) =>
      upload(shape, values, i < this.activations ? dtype : 'float32'),
    );
    door.startProfile('cuda:0');
    const outputs = door.run(this.op, tensors, { ...this.attributes(), tile });
    const launches = door.finishProfile('cuda:0').reduce((sum, each) => sum + each.launches, 0);
    const y = download(outputs[0]!);
    for (const { id } of [...tensors, ...outputs]) door.free(id);
    return { y, launches };
  }

  /** The same in float64 on the CPU, from activations that `dtype` can hold. */
  exact(dtype: NativeDType = 'float32'): Float64Array {
    const inputs = this.inputs.map(({ shape, values }, i) => ({
      shape,
      data: i < this.activations ? rounded(values, dtype) : Float64Array.from(values),
    }));
    return runFloat64(this.op, inputs, this.attributes())[0]!.data;
  }

  private attributes() {
    const { groups, strides } = this.shape;
    return { groups, strides, training: false };
  }
}

const bytesOf = (dtype: NativeDType) => (dtype === 'float32' ? 4 : 2);

function upload(shape: number[], values: Float32Array, dtype: NativeDType): NativeTensor {
  const bytes = stored(values, dtype);
  const id = door.allocate(bytes.byteLength, 'cuda:0');
  door.write(id, bytes);
  return { id, shape, dtype };
}

function download({ id, shape, dtype }: NativeTensor): Float64Array {
  const count = shape.reduce((a, b) => a * b, 1);
  const bytes = new Uint8Array(count * bytesOf(dtype));
  door.read(id, bytes);
  return wide(bytes, count, dtype);
}

/** Values as a storage type has them, converted on the CPU. */
function stored(values: Float32Array, dtype: NativeDType): Uint8Array {
  return cast(values, values.length, 'float32', dtype);
}

function wide(bytes: Uint8Array, count: number, dtype: NativeDType): Float64Array {
  return Float64Array.from(new Float32Array(cast(bytes, count, dtype, 'float32').buffer));
}

function cast(
  source: ArrayBufferView,
  count: number,
  from: NativeDType,
  to: NativeDType,
): Uint8Array<ArrayBuffer> {
  const id = door.allocate(source.byteLength, 'cpu');
  door.write(id, source);
  const [result] = door.run('Cast', [{ id, shape: [count], dtype: from }], { dtype: to });
  const bytes = new Uint8Array(count * bytesOf(to));
  door.read(result!.id, bytes);
  for (const each of [id, result!.id]) door.free(each);
  return bytes;
}

const rounded = (values: Float32Array, dtype: NativeDType) =>
  wide(stored(values, dtype), values.length, dtype);

/** What chance may spare the passes in tensors of a few values. */
const roundings = { float32: 2 ** -21, bfloat16: 2 ** -9, float16: 2 ** -12 };

const norm = (values: Float64Array): number => Math.hypot(...values);

function error(found: Float64Array, exact: Float64Array): number {
  expect(found.length).toBe(exact.length);
  return norm(found.map((value, i) => value - exact[i]!)) / Math.max(norm(exact), 1e-30);
}

const fused = Object.keys(unitOps).filter((op) => op !== 'DepthwiseSeparable');

const widths = (inChannels: number, middle: number, outChannels: number, side: number) => ({
  inChannels,
  middle,
  outChannels,
  side,
});

/** Units as the networks have them, on maps that the shim has patience for. */
const networkShapes: [string, UnitShape][] = [
  ['228, stage 1', unit([6, 9], widths(228, 57, 228, 12), 3, 1)],
  ['228, first', { ...unit([9, 10], widths(24, 57, 228, 12), 3, 2), compressGroups: 1 }],
  ['228, stage 2', unit([4, 5], widths(456, 114, 456, 12), 3, 1)],
  ['228, into stage 3', unit([6, 5], widths(456, 228, 912, 12), 3, 2)],
  ['456, stage 3', unit([3, 3], widths(1824, 456, 1824, 24), 3, 1)],
  ['352, stage 2', unit([4, 4], widths(704, 176, 704, 12), 8, 1)],
];

function unit(
  [height, width]: [number, number],
  channels: ReturnType<typeof widths>,
  groups: number,
  strides: 1 | 2,
): UnitShape {
  return { batch: 2, height, width, ...channels, groups, compressGroups: groups, strides };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(fused)('%s', (op) => {
  test.each(unitShapes)('every tile of every storage type: %o', (shape) => {
    const made = new Unit(op, shape);
    for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
      const exact = made.exact(dtype);
      const separate = made.run(passes, dtype);
      expect(separate.launches).toBeGreaterThan(1);
      const limit = 2 * Math.max(error(separate.y, exact), roundings[dtype]);
      for (const tile of [undefined, [1, 1], [2, 3], [3, 8], [64, 64]]) {
        const one = made.run(tile, dtype);
        expect(one.launches, `${dtype}, tile ${tile}`).toBe(1);
        expect(error(one.y, exact), `${dtype}, tile ${tile}`).toBeLessThanOrEqual(limit);
      }
    }
  });
});

describe.each(networkShapes)('MeUnit and ShuffleUnit of %s', (_, shape) => {
  test.each(['MeUnit', 'ShuffleUnit'])('%s', (op) => {
    const made = new Unit(op, shape);
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const exact = made.exact(dtype);
      const limit = 2 * Math.max(error(made.run(passes, dtype).y, exact), roundings[dtype]);
      const one = made.run(undefined, dtype);
      expect(one.launches).toBe(1);
      expect(error(one.y, exact), dtype).toBeLessThanOrEqual(limit);
    }
  });
});

test('the same input gives the same bits', () => {
  const made = new Unit('MeUnit', unitShapes[1]!);
  expect(made.run([2, 2], 'float16').y).toEqual(made.run([2, 2], 'float16').y);
  expect(made.run([2, 2]).y).toEqual(made.run([2, 2]).y);
});

// A GPU's shared memory is what it is.
const isShim = () => door.devices().devices[1]?.description === 'CPU shim';

test.runIf(isShim())('the passes run where not even a pixel fits', () => {
  process.env.MENET_SHIM_SHARED = '48';
  try {
    const made = new Unit('MeUnit', unitShapes[1]!);
    const { y, launches } = made.run();
    expect(launches).toBeGreaterThan(1);
    expect(error(y, made.exact())).toBeLessThan(1e-6);
    expect(() => made.run([1, 1])).toThrow(/MeUnit: tile: expected one of at most 49152 bytes/);
  } finally {
    delete process.env.MENET_SHIM_SHARED;
  }
});
