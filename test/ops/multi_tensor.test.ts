import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { InputError } from '../../src/errors.js';
import { generatedValues } from '../generated_values.js';
import { updateOps } from './update_ops.js';

// No elements, one, less than a vector, and on both sides of a piece's and a thread's share.
const shapes = [[0], [], [3, 5], [4096], [4097], [1, 70_001]];

beforeAll(() => tf.setBackend('menet'));

function tensors(seed: number, positive = false): tf.Tensor[] {
  return shapes.map((shape, i) => {
    const values = generatedValues(tf.util.sizeFromShape(shape), seed + i);
    return tf.tensor(
      positive ? values.map((value) => 0.5 + Math.abs(value)) : values,
      shape,
      'float32',
    );
  });
}

const variables = (values: tf.Tensor[]) => values.map((value) => tf.variable(value, false));

function worstDifference(a: readonly tf.Tensor[], b: readonly tf.Tensor[]): number {
  const differences = a.map((tensor, i) => {
    const other = b[i]!.dataSync();
    return tensor.dataSync<'float32'>().reduce((worst, value, k) => {
      const difference = Math.abs(value - other[k]!);
      return difference > worst || Number.isNaN(difference) ? difference : worst;
    }, 0);
  });
  return Math.max(...differences);
}

describe.each(updateOps)('$title', ({ op, slots, update, reference }) => {
  // Squares are positive, and the mean of gradients is small beside them, as it is in fact.
  const slotValues = () =>
    slots.map((name, i) => {
      const values = tensors(30 + 10 * i, /square|accumulated/.test(name));
      return name === 'gradientAverages' ? values.map((value) => value.mul(0.1)) : values;
    });

  it('is its composition of stock operations', () => {
    tf.tidy(() => {
      const [native, stock] = [0, 1].map(() => ({
        parameters: variables(tensors(10)),
        slots: slotValues().map(variables),
      })) as [Operands, Operands];
      const gradients = tensors(20);
      update(native.parameters, gradients, native.slots);
      reference(stock.parameters, gradients, stock.slots);
      const all = ({ parameters, slots }: Operands) => [parameters, ...slots].flat();
      expect(worstDifference(all(native), all(stock))).toBeLessThan(1e-6);
      expect(worstDifference(native.parameters, tensors(10))).toBeGreaterThan(1e-3);
      expect(worstDifference(gradients, tensors(20))).toBe(0);
    });
  });

  it('leaves no tensors, and clones as they were', () => {
    const parameter = tf.variable(tf.ones([3, 2]));
    const buffers = slots.map(() => [tf.variable(tf.zeros([3, 2]))]);
    const gradient = tf.ones([3, 2]);
    const clone = parameter.clone();
    update([parameter], [gradient], buffers);
    const { numTensors } = tf.memory();
    update([parameter], [gradient], buffers);
    expect(tf.memory().numTensors).toBe(numTensors);
    expect([...clone.dataSync()]).toEqual(Array(6).fill(1));
    tf.dispose([parameter, buffers, gradient, clone]);
  });

  describe('rejects', () => {
    const parameter = tf.variable(tf.ones([2, 3]));
    const gradient = tf.ones([2, 3]);
    const buffers = slots.map(() => [tf.variable(tf.zeros([2, 3]))]);
    const dead = tf.ones([2, 3]);
    dead.dispose();

    it.each<[string, tf.Tensor[], object, string]>([
      ['a missing gradient', [], {}, 'gradients: expected 1 tensors, got 0'],
      [
        'a shape',
        [tf.ones([3, 2])],
        {},
        'gradients[0]: expected float32 tensor [2, 3], got float32 tensor [3, 2]',
      ],
      [
        'a dtype',
        [tf.ones([2, 3], 'int32')],
        {},
        'gradients[0]: expected float32 tensor [2, 3], got int32 tensor [2, 3]',
      ],
      [
        'a disposed gradient',
        [dead],
        {},
        'gradients[0]: expected float32 tensor [2, 3], got a disposed tensor',
      ],
      [
        'a negative rate',
        [gradient],
        { learningRate: -1 },
        'learningRate: expected a number >= 0, got -1',
      ],
      [
        'a decay that is no number',
        [gradient],
        { weightDecay: NaN },
        'weightDecay: expected a number >= 0, got NaN',
      ],
      [
        'a scale from a norm that is not finite',
        [gradient],
        { gradientScale: NaN },
        'gradientScale: expected a number >= 0, got NaN',
      ],
    ])('%s', (_, gradients, changed, message) => {
      const call = () => update([parameter], gradients, buffers, changed);
      expect(call).toThrow(InputError);
      expect(call).toThrow(`${op}: ${message}`);
    });

    it.each(slots)('missing %s', (slot) => {
      const without = buffers.map((list, i) => (slots[i] === slot ? [] : list));
      expect(() => update([parameter], [gradient], without)).toThrow(
        `${op}: ${slot}: expected 1 tensors, got 0`,
      );
    });
  });
});

interface Operands {
  parameters: tf.Variable[];
  slots: tf.Variable[][];
}
