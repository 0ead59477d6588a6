import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/index.js';
import { differentiableOf, inputsOf } from '../../src/ops/native_unit.js';
import { generatedValues } from '../generated_values.js';
import { runFloat64, type Values } from '../native/float64.js';
import { testExpectedUnits } from './expected_units.js';
import { type UnitShape, unitShapes } from './random_units.js';
import { type UnitCase, unitOps, withCase } from './unit_ops.js';

testExpectedUnits('menet');

/** Units beyond one tile of pixels and one vector of channels. */
const largeShapes: UnitShape[] = [
  {
    ...unitShapes[0]!,
    batch: 3,
    height: 14,
    width: 13,
    inChannels: 60,
    middle: 57,
    outChannels: 60,
    side: 12,
    groups: 3,
    compressGroups: 3,
  },
  {
    ...unitShapes[1]!,
    batch: 2,
    height: 19,
    width: 21,
    inChannels: 24,
    middle: 57,
    outChannels: 228,
    side: 12,
    groups: 3,
    compressGroups: 1,
  },
  {
    ...unitShapes[0]!,
    batch: 5,
    height: 9,
    width: 10,
    inChannels: 64,
    middle: 24,
    outChannels: 64,
    side: 20,
    groups: 8,
    compressGroups: 8,
  },
];

interface Results {
  y: Float64Array;
  gradients: Float64Array[];
  running: Float64Array[];
}

/** Eight roundings of float32: what chance may spare the stock ops in tensors of a few values. */
const floor = 8 * 2 ** -23;

describe.each(Object.keys(unitOps))('%s', (op) => {
  beforeAll(async () => {
    await tf.setBackend('menet');
  });

  test.each([...unitShapes, ...largeShapes])(
    'errs at most twice as much as stock ops do, against float64: %o',
    (shape) => {
      const exact = inFloat64(op, shape);
      const fused = inFloat32(op, shape, 'fused');
      const stock = inFloat32(op, shape, 'reference');
      // A gradient that a later batch norm cancels is the rounding of terms as large as dy.
      const dyNorm = norm(generatedValues(exact.y.length, 77));
      compare([
        { name: 'y', exact: exact.y, fused: fused.y, stock: stock.y },
        ...exact.running.map((values, i) => ({
          name: `running ${i}`,
          exact: values,
          fused: fused.running[i]!,
          stock: stock.running[i]!,
        })),
        ...exact.gradients.map((values, i) => ({
          name: `gradient ${i}`,
          exact: values,
          fused: fused.gradients[i]!,
          stock: stock.gradients[i]!,
          scale: dyNorm,
        })),
      ]);
    },
  );

  test.each([...unitShapes, ...largeShapes])('inference form: %o', (shape) => {
    withCase(op, shape, false, 1, (unit) => {
      const exact = runFloat64(op, inputsOf(unit).map(valuesOf), attributes(shape, false))[0]!;
      const fused = numbers(unit.fused());
      const stock = numbers(unit.reference());
      compare([{ name: 'y', exact: exact.data, fused, stock }]);
    });
  });
});

interface Comparison {
  name: string;
  exact: Float64Array;
  fused: Float64Array;
  stock: Float64Array;
  scale?: number;
}

/**
 * Relative errors: the fused op's at most twice the stock ops', or twice their median over the
 * tensors where rounding happened to spare the stock ops in one of them.
 */
function compare(comparisons: Comparison[]): void {
  // Where everything is cut off by relu, nothing but zeros is right.
  const relative = (values: Float64Array, { exact, scale = Number.MIN_VALUE }: Comparison) =>
    distance(values, exact) / Math.max(norm(exact), scale);
  const errors = comparisons.map((each) => relative(each.stock, each));
  const median = errors.toSorted((a, b) => a - b)[errors.length >> 1]!;
  comparisons.forEach((each, i) => {
    expect(each.fused.length, each.name).toBe(each.exact.length);
    const limit = 2 * Math.max(errors[i]!, median) + floor;
    expect(relative(each.fused, each), each.name).toBeLessThanOrEqual(limit);
  });
}

function inFloat32(op: string, shape: UnitShape, form: 'fused' | 'reference'): Results {
  return withCase(op, shape, true, 1, (unit) => {
    const inputs = differentiableOf(unit);
    const dy = (y: tf.Tensor) => tf.tensor(generatedValues(y.size, 77), y.shape);
    let y = new Float64Array();
    const { grads } = tf.engine().gradients(() => {
      const output = tf.tidy(unit[form]);
      y = numbers(output);
      return tf.sum(tf.mul(output, dy(output)));
    }, inputs);
    return { y, gradients: grads.map(numbers), running: runningOf(unit).map(numbers) };
  });
}

function inFloat64(op: string, shape: UnitShape): Results {
  return withCase(op, shape, true, 1, (unit) => {
    const inputs = inputsOf(unit).map(valuesOf);
    const options = attributes(shape, true);
    const [y, ...saved] = runFloat64(op, inputs, options) as [Values, ...Values[]];
    const dy = { shape: y.shape, data: Float64Array.from(generatedValues(y.data.length, 77)) };
    const gradients = runFloat64(`${op}Grad`, [dy, y, ...inputs, ...saved], options);
    const tensors = inputsOf(unit);
    const running = runningOf(unit).map((tensor) => inputs[tensors.indexOf(tensor)]!.data);
    return { y: y.data, gradients: gradients.map(({ data }) => data), running };
  });
}

const attributes = ({ groups, strides }: UnitShape, training: boolean) => ({
  groups,
  strides,
  training,
});

const runningOf = ({ parameters }: UnitCase): tf.Tensor[] =>
  parameters.flatMap((parameter) =>
    parameter instanceof tf.Tensor ? [] : [parameter.mean, parameter.variance],
  );

const numbers = (tensor: tf.Tensor): Float64Array<ArrayBuffer> =>
  Float64Array.from(tensor.dataSync());

const valuesOf = (tensor: tf.Tensor): Values => ({ shape: tensor.shape, data: numbers(tensor) });

const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));

const distance = (a: Float64Array, b: Float64Array): number =>
  norm(a.map((value, i) => value - b[i]!));
