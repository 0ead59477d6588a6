import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/index.js';
import { currentDevice } from '../../src/devices.js';
import { native } from '../../src/native.js';
import { differentiableOf, inputsOf } from '../../src/ops/native_unit.js';
import { generatedValues } from '../generated_values.js';
import { type UnitShape, unitShapes } from '../ops/random_units.js';
import { type UnitCase, unitOps, withCase } from '../ops/unit_ops.js';
import { runFloat64, type Values } from './float64.js';
import { download, type HalfType, halfTypes, rounded, rounding, upload } from './half.js';
import { registerRoundingBackend } from './rounding_backend.js';

// Fused units whose activations are stored in 16 bits, against float64: they may err at most
// twice as much as stock operations that round each activation to 16 bits. On CUDA's kernels, whose
// products take 16-bit operands, those operations round the weights of products too.

const door = native();
const device = currentDevice();
const onCuda = device !== 'cpu';

/** 19 channels in a group, more pixels than a tile. */
const largeShapes: UnitShape[] = [
  {
    ...{ ...unitShapes[0]!, batch: 3, height: 14, width: 13, inChannels: 60, middle: 57 },
    ...{ outChannels: 60, side: 12, groups: 3, compressGroups: 3 },
  },
  {
    ...{ ...unitShapes[1]!, batch: 2, height: 19, width: 21, inChannels: 24, middle: 57 },
    ...{ outChannels: 228, side: 12, groups: 3, compressGroups: 1 },
  },
];

/** The same for CUDA's tiles, as the shim is slow; 13 channels are no multiple of a vector. */
const smallerShapes: UnitShape[] = ([1, 2] as const).map((strides) => ({
  ...{ batch: 1, height: 9, width: 11, inChannels: 84, middle: 39, outChannels: 84 * strides },
  ...{ side: 12, groups: 3, compressGroups: 3, strides },
}));

const shapes = [...unitShapes, ...(onCuda ? smallerShapes : largeShapes)];

describe.each(halfTypes)('in %s', (dtype) => {
  let composition: string;
  beforeAll(async () => {
    await tf.setBackend('menet');
    composition = registerRoundingBackend(dtype, onCuda);
  });

  describe.each(Object.keys(unitOps))('%s', (op) => {
    test.each(shapes)('training form and gradient: %o', (shape) => {
      const comparisons = seedsOf(shape, true).map((seed) => {
        const dy = (count: number) => generatedValues(count, 77 + seed);
        const use = (body: (unit: UnitCase) => Float64Array[]) =>
          withCase(op, shape, true, seed, body);
        const exact = use((unit) => exactly(op, unit, shape, dtype, dy));
        const fused = use((unit) => natively(op, unit, shape, dtype, dy));
        const stock = inBackend(composition, () => use((unit) => composed(unit, dtype, dy)));
        const dyNorm = norm(dy(exact[0]!.length));
        return exact.map((values, i) => ({
          name: i === 0 ? 'y' : `gradient ${i - 1}`,
          exact: values,
          fused: fused[i]!,
          stock: stock[i]!,
          scale: i === 0 ? 0 : dyNorm,
        }));
      });
      compare(comparisons, dtype);
    });

    test.each(shapes)('inference form: %o', (shape) => {
      const comparisons = seedsOf(shape, false).map((seed) => {
        const use = (body: (unit: UnitCase) => Float64Array) =>
          withCase(op, shape, false, seed, body);
        const exact = use(
          (unit) => runFloat64(op, inputValues(unit, dtype), attributes(shape, false))[0]!.data,
        );
        const fused = use((unit) => {
          const inputs = inputTensors(unit, dtype);
          const [y] = door.run(op, inputs, attributes(shape, false));
          for (const { id } of inputs) door.free(id);
          expect(y!.dtype).toBe(dtype);
          return download(door, y!).data;
        });
        const stock = inBackend(composition, () =>
          use((unit) => {
            roundInputs(unit, dtype);
            return numbers(unit.reference());
          }),
        );
        return [{ name: 'y', exact, fused, stock, scale: 0 }];
      });
      compare(comparisons, dtype);
    });
  });
});

/**
 * One mask of relu that rounding turns over can be most of the error: medians of several cases.
 * Of gradients on CUDA more of them, as rounded weights turn over more; fewer of what is large.
 */
function seedsOf({ batch, height, width }: UnitShape, training: boolean): number[] {
  const count = onCuda ? (training ? 31 : 5) : batch * height * width > 300 ? 3 : 11;
  return Array.from({ length: count }, (_, i) => i + 1);
}

interface Comparison {
  name: string;
  exact: Float64Array;
  fused: Float64Array;
  stock: Float64Array;
  /** at least this is what errors are relative to */
  scale: number;
}

/** Medians, over the cases, of each tensor's relative error. */
function compare(cases: Comparison[][], dtype: HalfType): void {
  const relative = (values: Float64Array, { exact, scale }: Comparison) =>
    distance(values, exact) / Math.max(norm(exact), scale, Number.MIN_VALUE);
  const errorsOf = (form: 'fused' | 'stock') =>
    cases[0]!.map((_, i) => median(cases.map((each) => relative(each[i]![form], each[i]!))));
  const stock = errorsOf('stock');
  const usual = median(stock);
  errorsOf('fused').forEach((error, i) => {
    const limit = 2 * Math.max(stock[i]!, usual) + 2 * rounding[dtype];
    expect(error, cases[0]![i]!.name).toBeLessThanOrEqual(limit);
  });
}

type Dy = (count: number) => Float32Array;

/** y and the gradients. */
function exactly(op: string, unit: UnitCase, shape: UnitShape, dtype: HalfType, dy: Dy) {
  const inputs = inputValues(unit, dtype);
  const options = attributes(shape, true);
  const [y, ...saved] = runFloat64(op, inputs, options) as [Values, ...Values[]];
  const dyValues = { shape: y.shape, data: Float64Array.from(dy(y.data.length)) };
  const gradients = runFloat64(
    `${op}Grad`,
    [rounded(door, dyValues, dtype), y, ...inputs, ...saved],
    options,
  );
  return [y.data, ...gradients.map(({ data }) => data)];
}

function natively(op: string, unit: UnitCase, shape: UnitShape, dtype: HalfType, dy: Dy) {
  const inputs = inputTensors(unit, dtype);
  const options = attributes(shape, true);
  const outputs = door.run(op, inputs, options);
  const [y, ...saved] = outputs;
  const count = y!.shape.reduce((a, b) => a * b, 1);
  const gradient = upload(door, { shape: y!.shape, data: dy(count) }, dtype, device);
  const gradients = door.run(`${op}Grad`, [gradient, y!, ...inputs, ...saved], options);
  const dtypes = [...outputs, ...gradients].map((tensor) =>
    tensor.shape.length === 4 && !isWeight(unit, tensor.shape) ? tensor.dtype : dtype,
  );
  expect(new Set(dtypes)).toEqual(new Set([dtype]));
  for (const { id } of [gradient, ...inputs, ...saved]) door.free(id);
  return [y!, ...gradients].map((tensor) => download(door, tensor).data);
}

const isWeight = (unit: UnitCase, shape: number[]) =>
  unit.parameters.some((p) => p instanceof tf.Tensor && p.shape.join() === shape.join());

function composed(unit: UnitCase, dtype: HalfType, dy: Dy): Float64Array[] {
  roundInputs(unit, dtype);
  let y = new Float64Array();
  const { grads } = tf.engine().gradients(() => {
    const output = tf.tidy(unit.reference);
    y = numbers(output);
    const factor = rounded(door, { shape: output.shape, data: doubles(dy(output.size)) }, dtype);
    return tf.sum(tf.mul(output, tf.tensor(Float32Array.from(factor.data), output.shape)));
  }, differentiableOf(unit));
  return [y, ...grads.map(numbers)];
}

/** Activations are variables or tensors of the case: rounded in place, on the current backend. */
function roundInputs(unit: UnitCase, dtype: HalfType): void {
  for (const activation of unit.activations) {
    const { data } = rounded(door, valuesOf(activation), dtype);
    const backend = tf.backend();
    const { dataId, shape } = activation;
    const refCount = backend.refCount(dataId);
    backend.disposeData(dataId, true);
    backend.move(dataId, Float32Array.from(data), shape, 'float32', refCount);
  }
}

const inputValues = (unit: UnitCase, dtype: HalfType): Values[] =>
  inputsOf(unit).map((tensor, i) =>
    i < unit.activations.length ? rounded(door, valuesOf(tensor), dtype) : valuesOf(tensor),
  );

const inputTensors = (unit: UnitCase, dtype: HalfType) =>
  inputsOf(unit).map((tensor, i) =>
    upload(door, valuesOf(tensor), i < unit.activations.length ? dtype : 'float32', device),
  );

function inBackend<T>(name: string, body: () => T): T {
  void tf.setBackend(name); // at once, as its backend is made so
  try {
    return body();
  } finally {
    void tf.setBackend('menet');
  }
}

const attributes = ({ groups, strides }: UnitShape, training: boolean) => ({
  groups,
  strides,
  training,
});

const doubles = (values: ArrayLike<number>) => Float64Array.from(values);
const numbers = (tensor: tf.Tensor) => doubles(tensor.dataSync());
const valuesOf = (tensor: tf.Tensor): Values => ({ shape: tensor.shape, data: numbers(tensor) });
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));
const distance = (a: Float64Array, b: Float64Array): number =>
  norm(a.map((value, i) => value - b[i]!));
