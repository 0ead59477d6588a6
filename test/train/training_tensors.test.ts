import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { createModel, readModelConfig } from '../../src/models/model.js';
import { createOptimizer } from '../../src/train/optimizer.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { readTrainingState } from '../../src/train/training_state.js';
import { captureTensors, restoreTensors } from '../../src/train/training_tensors.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

const checkpoint = (name: string) => readCheckpoint(referenceFile(`checkpoints/${name}`));
const sgd = { name: 'SGD' as const, momentum: 0.9, nesterov: true };

beforeAll(() => tf.setBackend('cpu'));

describeWithReference('a training checkpoint of the published trainer', () => {
  const load = () => {
    const model = createModel(readModelConfig(referenceFile('checkpoints/tiny-a.model.json')));
    const groups = parameterGroups(model, { weight_decay: 0 });
    return { model, optimizer: createOptimizer(sgd, groups) };
  };

  it.each(['tiny-a.legacy.pth.tar', 'tiny-a.zip.pth.tar'])('%s is continued', async (name) => {
    const { model, optimizer } = load();
    const { tensors, metadata } = await checkpoint(name);
    restoreTensors(name, tensors, { model, optimizer }, 3);
    expect(optimizer.stepCount).toBe(3);
    const captured = await captureTensors({ model, optimizer });
    const weights = (await checkpoint('tiny-a.safetensors')).tensors;
    const momentum = (await checkpoint('tiny-a.momentum.safetensors')).tensors;
    const expected = new Map([
      ...weights,
      ...[...momentum].map(([key, value]) => [`optimizer.momentum.${key}`, value] as const),
    ]);
    for (const key of expected.keys())
      if (key.endsWith('num_batches_tracked')) expected.delete(key);
    expect([...captured.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, { shape, data }] of captured) {
      expect(shape).toEqual(expected.get(key)!.shape);
      expect(data).toEqual(expected.get(key)!.data);
    }
    const { last_epoch, best_prec1, step, totals } = readTrainingState(name, metadata);
    expect({ last_epoch, best_prec1, step }).toEqual({
      last_epoch: metadata.last_epoch,
      best_prec1: metadata.best_prec1,
      step: 0,
    });
    expect(totals.images).toBe(0);
  });

  it('without some momentum is rejected', async () => {
    const { model, optimizer } = load();
    const { tensors } = await checkpoint('tiny-a.legacy.pth.tar');
    const name = 'optimizer.momentum.classifier.weight';
    expect(tensors.delete(name)).toBe(true);
    expect(() => restoreTensors('a.tar', tensors, { model, optimizer }, 3)).toThrow(
      `a.tar: entry ${name}: expected [10, 96], got nothing`,
    );
  });
});
