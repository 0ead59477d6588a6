import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { createModel } from '../../src/models/model.js';
import { native } from '../../src/native.js';
import { createOptimizer } from '../../src/train/optimizer.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { trainingStep } from '../../src/train/step.js';
import { tinyConfigurations } from '../train/tiny_run.js';

const door = native();

beforeAll(async () => {
  await tf.setBackend('menet');
});

function training() {
  const model = createModel(tinyConfigurations.model, { seed: 1 });
  const { optim } = tinyConfigurations;
  const optimizer = createOptimizer({ ...optim, name: 'SGD' }, parameterGroups(model, optim));
  const images = tf.randomUniform<tf.Rank.R4>([4, 32, 32, 3], -1, 1, 'float32', 7);
  const labels = tf.tensor1d([0, 1, 2, 3], 'int32');
  return async () => {
    const { loss, logits } = trainingStep(model, optimizer, images, labels, 0.01);
    const value = (await loss.data())[0]!;
    tf.dispose([loss, logits]);
    return value;
  };
}

test('training steps leave nothing on the device, and ask the system for nothing', async () => {
  const step = training();
  for (let i = 0; i < 2; i++) await step(); // makes the momentum
  const { bytesInUse, buffers, systemAllocations } = door.memory('cuda:0');
  for (let i = 0; i < 5; i++) await step();
  expect(door.memory('cuda:0')).toMatchObject({ bytesInUse, buffers, systemAllocations });
});

test('the same steps give the same bits', async () => {
  const losses = async () => {
    const step = training();
    return [await step(), await step(), await step()];
  };
  expect(await losses()).toEqual(await losses());
});

test('more memory than there is: an exception with the bytes, and the device works on', async () => {
  const { bytesInUse } = door.memory('cuda:0');
  const bytes = 2 ** 46;
  expect(() => door.allocate(bytes, 'cuda:0')).toThrow(
    `allocate: expected ${bytes} bytes of free memory, got none; ${bytesInUse} bytes are in use`,
  );
  const x = tf.tidy(() => tf.relu(tf.ones([2 ** 14])));
  expect((await x.data())[2 ** 14 - 1]).toBe(1);
  x.dispose();
  expect(door.memory('cuda:0').bytesInUse).toBe(bytesInUse);
});
