import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { InputError } from '../../src/errors.js';
import { blendUpdate } from '../../src/ops/blend_update.js';

describe.each(['cpu', 'menet'])('blendUpdate on %s', (backend) => {
  it('scales the targets and adds a share of the values, in place', async () => {
    await tf.setBackend(backend);
    const targets = [tf.variable(tf.tensor1d([1, 2, 3])), tf.variable(tf.tensor2d([[4], [5]]))];
    const kept = tf.clone(targets[0]!);
    const values = [tf.tensor1d([10, 20, 30]), tf.tensor2d([[40], [50]])];
    const { numTensors } = tf.memory();
    blendUpdate(targets, values, { keep: 0.5, share: 0.25 });
    expect(tf.memory().numTensors).toBe(numTensors);
    expect([...targets[0]!.dataSync()]).toEqual([3, 6, 9]);
    expect([...targets[1]!.dataSync()]).toEqual([12, 15]);
    expect([...values[0]!.dataSync()]).toEqual([10, 20, 30]);
    expect([...kept.dataSync()]).toEqual([1, 2, 3]);
  });

  it('rejects what does not fit', async () => {
    await tf.setBackend(backend);
    const target = tf.variable(tf.zeros([2]));
    const options = { keep: 1, share: 1 };
    expect(() => blendUpdate([target], [], options)).toThrow(InputError);
    expect(() => blendUpdate([target], [tf.zeros([3])], options)).toThrow(
      'blendUpdate: values[0]: expected float32 tensor [2], got float32 tensor [3]',
    );
    expect(() => blendUpdate([target], [target], { keep: NaN, share: 1 })).toThrow(
      'blendUpdate: keep: expected a number, got NaN',
    );
  });
});
