import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { createModel, type Model, readModelConfig } from '../../src/models/model.js';
import { getState } from '../../src/models/state.js';
import { generatedValues } from '../generated_values.js';
import { tinyConfig } from './tiny_config.js';

function images(batch: number, height: number, width: number): tf.Tensor4D {
  return tf.tensor4d(generatedValues(batch * height * width * 3, 5), [batch, height, width, 3]);
}

describe('a network', () => {
  let model: Model;

  beforeAll(async () => {
    await tf.setBackend('cpu');
    model = createModel(tinyConfig, { seed: 1 });
  });

  afterAll(() => model.dispose());

  test.each([
    [1, 32, 32],
    [2, 33, 33],
    [1, 64, 64],
    [1, 225, 225],
    [3, 48, 80],
    [1, 35, 97],
  ])('classifies %i images of %i×%i', (...size) => {
    const x = images(...size);
    const before = tf.memory().numTensors;
    const logits = model.apply(x);
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(logits.shape).toEqual([size[0], 10]);
    expect(logits.dataSync().every(Number.isFinite)).toBe(true);
    tf.dispose([x, logits]);
  });

  test('treats each image of a batch alone', () => {
    tf.tidy(() => {
      const x = images(3, 40, 40);
      const together = model.apply(x).dataSync();
      const apart = tf.split(x, 3).map((one) => model.apply(one as tf.Tensor4D));
      tf.concat(apart)
        .dataSync()
        .forEach((value, i) => expect(value).toBeCloseTo(together[i] as number, 5));
    });
  });

  test.each<[[number, number, number, number], 'float32' | 'int32', string]>([
    [[1, 31, 64, 3], 'float32', 'expected height and width of at least 32 pixels, got 31'],
    [[1, 64, 31, 3], 'float32', 'expected height and width of at least 32 pixels, got 31'],
    [
      [1, 64, 64, 1],
      'float32',
      'expected float32 tensor [N, H, W, 3], got float32 tensor [1, 64, 64, 1]',
    ],
    [
      [1, 64, 64, 3],
      'int32',
      'expected float32 tensor [N, H, W, 3], got int32 tensor [1, 64, 64, 3]',
    ],
  ])('rejects images %j of %s', (shape, dtype, message) => {
    const x = tf.zeros<tf.Rank.R4>(shape, dtype);
    expect(() => model.apply(x)).toThrow(new InputError(`menet: images: ${message}`));
    x.dispose();
  });

  test('describes its layers at other sizes, the published size first', () => {
    const outputs = (size?: number) =>
      new Map(model.layers(size).map((layer) => [layer.name, layer.output]));
    expect(outputs().get('features.stage_3_2.join')).toEqual([7, 7, 96]);
    expect(outputs(225).get('features.stage_3_2.join')).toEqual([8, 8, 96]);
    expect(outputs(32).get('features.stage_3_1.s_conv')).toEqual([1, 1, 4]);
    expect(() => model.layers(16)).toThrow(InputError);
  });

  test('layers read from the image or from layers before them', () => {
    const known = new Set(['input']);
    for (const layer of model.layers()) {
      for (const input of layer.inputs) expect(known).toContain(input);
      known.add(layer.name);
    }
  });
});

describe('training', () => {
  test('gradient descent on one batch reduces the loss; running statistics move', async () => {
    const model = createModel(tinyConfig, { seed: 2 });
    const x = images(4, 32, 32);
    const targets = tf.oneHot(tf.tensor1d([1, 5, 5, 9], 'int32'), 10);
    const optimizer = tf.train.sgd(0.05);
    const running = [...model.variables].filter(([, variable]) => !variable.trainable);
    const values = () => running.map(([, variable]) => variable.dataSync().join());
    const start = values();
    const losses = [1, 2, 3, 4].map(() => {
      const loss = optimizer.minimize(
        () => tf.losses.softmaxCrossEntropy(targets, model.apply(x, { training: true })),
        true,
      );
      const value = loss?.dataSync()[0] as number;
      loss?.dispose();
      return value;
    });
    expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] as number));
    const end = values();
    expect(running).toHaveLength(2 * (1 + 6 * 6));
    end.forEach((value, i) => expect(value, running[i]?.[0]).not.toBe(start[i]));
    model.apply(x).dispose();
    expect(values()).toEqual(end);
    model.dispose();
  });

  test('the same seed gives the same network', async () => {
    const states = await Promise.all(
      [5, 5, 6].map(async (seed) => {
        const model = createModel(tinyConfig, { seed });
        const state = [...(await getState(model))];
        model.dispose();
        return state;
      }),
    );
    expect(states[1]).toEqual(states[0]);
    expect(states[2]).not.toEqual(states[0]);
  });
});

describe('a model configuration', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'menet-config-'));
  const file = path.join(folder, 'model.json');

  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (fields: object) =>
    writeFileSync(file, JSON.stringify({ ...tinyConfig, ...fields }));

  test('may leave out the number of classes', () => {
    write({ num_classes: undefined });
    expect(readModelConfig(file)).toEqual({ ...tinyConfig, num_classes: 1000 });
  });

  test.each<[object, string]>([
    [
      { name: undefined },
      'field name: expected one of "menet", "mobilenet", "shallow_mobilenet", ' +
        '"shufflenet_group_1", "shufflenet_group_2", "shufflenet_group_3", ' +
        '"shufflenet_group_4", "shufflenet_group_8", got nothing',
    ],
    [{ groups: undefined }, 'field groups: expected type number, got nothing'],
    [{ groups: '3' }, 'field groups: expected type number, got "3"'],
    [{ groups: 0 }, 'field groups: expected at least 1, got 0'],
    [{ groups: 1.5 }, 'field groups: expected an integer, got 1.5'],
    [{ depth: 3 }, 'field depth: expected no such field, got 3'],
    [{ init_mode: 'fan' }, 'field init_mode: expected one of "fan_in", "fan_out", got "fan"'],
    [
      { init_mode: 'fanin' },
      'field init_mode: expected one of "fan_in", "fan_out", got "fanin"; did you mean "fan_in"?',
    ],
    [{ num_classes: 0 }, 'field num_classes: expected at least 1, got 0'],
    [{ block_channels: [] }, 'field block_channels: expected at least 1 entries, got []'],
    [{ block_channels: [24, '48', 96] }, 'field block_channels.1: expected type number, got "48"'],
    [
      { side_channels: [4, 4] },
      'field side_channels: expected 3 entries, as in block_channels, got [4,4]',
    ],
    [
      { block_layers: [1, 1, 1, 1] },
      'field block_layers: expected 3 entries, as in block_channels, got [1,1,1,1]',
    ],
    [{ block_layers: [1, -1, 1] }, 'field block_layers.1: expected at least 0, got -1'],
    [
      { block_channels: [24, 24, 96] },
      'field block_channels.1: expected more than the 24 channels before it, got 24',
    ],
    [
      { groups: 5 },
      'field block_channels.0: expected groups (5) to divide its channels 6 (bottleneck), ' +
        '24 and 12 (expansion), got 24',
    ],
  ])('with %j is rejected', (fields, message) => {
    write(fields);
    expect(() => readModelConfig(file)).toThrow(new InputError(`${file}: ${message}`));
  });

  test('is checked by createModel too', () => {
    expect(() => createModel({ ...tinyConfig, init_mode: 'fan' })).toThrow(
      new InputError(
        'model configuration: field init_mode: expected one of "fan_in", "fan_out", got "fan"',
      ),
    );
  });
});
