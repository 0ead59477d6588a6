import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { differentiableOf, inputsOf } from '../../src/ops/native_unit.js';
import { generatedValues } from '../generated_values.js';
import { randomUnit, unitShapes } from '../ops/random_units.js';
import { unitOps } from '../ops/unit_ops.js';
import { currentDevice } from '../../src/devices.js';
import { copy, runFloat64 as runOn, type Values } from './float64.js';

const runFloat64: typeof runOn = (op, inputs, attributes) =>
  runOn(op, inputs, attributes, currentDevice());

const step = 1e-6;
const probes = 12; // elements of each input

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(Object.keys(unitOps))('%sGrad is the derivative of %s', (op) => {
  test.each(unitShapes)('%o', (shape) => {
    const unit = randomUnit(shape);
    const options = { groups: shape.groups, strides: shape.strides, training: true };
    tf.tidy(() => {
      const arguments_ = unitOps[op]!(unit, shape);
      const tensors = inputsOf(arguments_);
      const inputs = tensors.map(valuesOf);
      const [y, ...saved] = runFloat64(op, inputs.map(copy), options) as [Values, ...Values[]];
      const dy = { shape: y.shape, data: Float64Array.from(generatedValues(y.data.length, 5)) };
      const gradients = runFloat64(`${op}Grad`, [dy, y, ...inputs, ...saved], options);
      const loss = (changed: Values[]) => dot(runFloat64(op, changed, options)[0]!.data, dy.data);
      differentiableOf(arguments_).forEach((tensor, k) => {
        checkInput(inputs, tensors.indexOf(tensor), gradients[k]!, loss);
      });
    });
    unit.dispose();
  });
});

describe.each([true, false])('StemGrad is the derivative of Stem, pooling %s', (pooling) => {
  test.each([
    { shape: [2, 8, 8], channels: 5 },
    { shape: [1, 7, 9], channels: 18 },
    { shape: [3, 1, 1], channels: 2 },
  ])('%o', ({ shape, channels }) => {
    const sizes = [[...shape, 3], [3, 3, 3, channels], ...Array<number[]>(4).fill([channels])];
    const inputs = sizes.map((size, i) => generated(size, 40 + i, i === 2 || i === 5 ? 1.5 : 0));
    const forward = (given: Values[]) => runFloat64('Stem', given, { pooling, training: true });
    const [y, ...saved] = forward(inputs.map(copy)) as [Values, ...Values[]];
    const dy = generated(y.shape, 50);
    const attributes = { inputGradient: true, pooling };
    const gradients = runFloat64('StemGrad', [dy, y, ...inputs, ...saved], attributes);
    const loss = (changed: Values[]) => dot(forward(changed)[0]!.data, dy.data);
    [1, 2, 3, 0].forEach((input, k) => checkInput(inputs, input, gradients[k]!, loss));
  });
});

/** Central differences at some elements of one input. */
function checkInput(
  inputs: Values[],
  index: number,
  gradient: Values,
  loss: (inputs: Values[]) => number,
): void {
  const { shape, data } = inputs[index]!;
  expect(gradient.shape).toEqual(shape);
  const stride = Math.max(1, Math.floor(data.length / probes));
  const scale = Math.max(1e-2, Math.hypot(...gradient.data) / Math.sqrt(data.length));
  for (let i = 0; i < data.length; i += stride) {
    const at = (offset: number) => {
      const changed = inputs.map(copy);
      changed[index]!.data[i]! += offset;
      return loss(changed);
    };
    const numeric = (at(step) - at(-step)) / (2 * step);
    const error = Math.abs(numeric - gradient.data[i]!);
    expect(error / scale, `input ${index}, element ${i}`).toBeLessThan(1e-4);
  }
}

function generated(shape: number[], seed: number, offset = 0): Values {
  const count = shape.reduce((size, length) => size * length, 1);
  return { shape, data: Float64Array.from(generatedValues(count, seed), (v) => v + offset) };
}

const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

const valuesOf = (tensor: tf.Tensor): Values => ({
  shape: tensor.shape,
  data: Float64Array.from(tensor.dataSync()),
});
