import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { currentMenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import type { Batch } from '../../src/data/loader.js';
import { createModel, type Model } from '../../src/models/model.js';
import { normalizeImages } from '../../src/ops/normalize_images.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax_cross_entropy.js';
import type { DataConfig } from '../../src/train/data_config.js';
import { DivergedError } from '../../src/train/diverged_error.js';
import { Learner } from '../../src/train/learner.js';
import { countCorrect } from '../../src/train/metrics.js';
import { drawMix } from '../../src/train/mixing.js';
import type { OptimizerConfig } from '../../src/train/optimizer_config.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { generatedValues } from '../generated_values.js';
import { tinyConfigurations } from './tiny_run.js';

const size = 8;
const seed = 6;

/** As configuration files that leave out the recipe are read. */
const data = { image_size: 32, mixup_alpha: 0, cutmix_alpha: 0 } as DataConfig;
const optimizer: OptimizerConfig = {
  ...tinyConfigurations.optim,
  name: 'SGD',
  momentum: 0,
  nesterov: false,
  weight_decay: 0,
  weight_decay_norms: true,
  label_smoothing: 0,
  ema_decay: 0,
  accumulate_steps: 1,
  clip_norm: 0,
  early_stopping_epochs: 0,
  backbone_rate_factor: 1,
  freeze_backbone: false,
  precision: 'float32',
};

const pixels = Uint8Array.from(
  generatedValues(size * 32 * 32 * 3, 4),
  (value) => 127 * (value + 1),
);
const labels = Int32Array.from({ length: size }, (_, i) => i);

/** Some of the images. */
function batch(from = 0, to = size): Batch {
  const image = 32 * 32 * 3;
  const part = pixels.subarray(from * image, to * image);
  return { pixels: part, labels: labels.slice(from, to), size: to - from, files: [] };
}

const values = (tensors: ReadonlyMap<string, tf.Tensor>) =>
  new Map([...tensors].map(([name, tensor]) => [name, tensor.dataSync<'float32'>().slice()]));

let model: Model;
let learner: Learner;
let empty: number;

beforeAll(() => tf.setBackend('menet'));
beforeEach(() => {
  empty = tf.memory().numTensors;
});
afterEach(() => {
  learner.dispose();
  model.dispose();
  expect(tf.memory().numTensors).toBe(empty);
});

function start(changed: Partial<OptimizerConfig>, fed: Partial<DataConfig> = {}): void {
  model = createModel(tinyConfigurations.model, { seed: 1 });
  const recipe = { ...optimizer, ...changed } as OptimizerConfig;
  learner = new Learner(model, { data: { ...data, ...fed }, optimizer: recipe, seed });
}

/** What a batch's loss and right answers are to be. */
function expected(mixing: Parameters<typeof drawMix>[0], labelSmoothing: number, number = 0) {
  return tf.tidy(() => {
    const mix = drawMix(mixing, { seed, epoch: 0, batch: number }, size, 32);
    const fresh = createModel(tinyConfigurations.model, { seed: 1 });
    const logits = fresh.apply(normalizeImages(pixels, [size, 32, 32, 3], mix), { training: true });
    const mixed = mix && {
      labels: tf.tensor1d([...mix.partners], 'int32'), // the labels of this batch are its indices
      weights: tf.fill<tf.Rank.R1>([size], mix.weight),
    };
    const targets = tf.tensor1d(labels, 'int32');
    const loss = softmaxCrossEntropy(logits, targets, { labelSmoothing, mixed }).dataSync()[0]!;
    const right = (of: ArrayLike<number>) => ({
      ...countCorrect(logits.dataSync<'float32'>(), Int32Array.from(of)),
    });
    fresh.dispose();
    return {
      loss,
      own: right(labels),
      partners: right(mix?.partners ?? []),
      weight: mix?.weight ?? 0,
    };
  });
}

describe('the loss is of', () => {
  it.each([
    ['smoothed labels', { label_smoothing: 0.2 }, {}],
    ['mixed images', {}, { mixup_alpha: 1 }],
    ['cut images', {}, { cutmix_alpha: 1 }],
    ['both ways of mixing', { label_smoothing: 0.1 }, { mixup_alpha: 0.4, cutmix_alpha: 1 }],
  ])('%s', async (_, changed, fed) => {
    start(changed, fed);
    const { loss } = await learner.learn(batch(), 0, 0);
    const { mixup_alpha: mixup = 0, cutmix_alpha: cutmix = 0 } = fed as Partial<DataConfig>;
    const { label_smoothing = 0 } = changed as Partial<OptimizerConfig>;
    expect(loss).toBeCloseTo(expected({ mixup, cutmix }, label_smoothing).loss, 5);
    expect(Math.abs(loss - expected({ mixup: 0, cutmix: 0 }, 0).loss)).toBeGreaterThan(1e-3);
  });
});

it('right answers are those of the labels with the larger share', async () => {
  let told = 0;
  for (let number = 0; number < 12; number++) {
    const wanted = expected({ mixup: 1, cutmix: 0 }, 0, number);
    start({}, { mixup_alpha: 1 });
    const { correct } = await learner.learn(batch(), 0, number);
    expect(correct).toEqual(wanted.weight > 0.5 ? wanted.partners : wanted.own);
    told += Number(wanted.weight > 0.5 && wanted.own.top5 !== wanted.partners.top5);
    learner.dispose();
    model.dispose();
  }
  expect(told).toBeGreaterThan(0); // batches that could tell them apart
  start({});
});

describe('accumulation', () => {
  /** Weights after one update by these batches. */
  async function after(parts: Batch[], changed: Partial<OptimizerConfig>) {
    start(changed);
    for (const [number, part] of parts.entries()) await learner.learn(part, 0, number);
    learner.update(0.5, 0);
    const found = values(model.variables);
    learner.dispose();
    model.dispose();
    return found;
  }

  it('of parts is one batch of all, where no batch statistics tell them apart', async () => {
    const frozen = { freeze_backbone: true };
    const whole = await after([batch()], frozen);
    const parts = await after([batch(0, 1), batch(1, 6), batch(6)], frozen);
    const start_ = await after([batch(0, 1)], frozen);
    for (const [name, expected] of whole) {
      const found = parts.get(name)!;
      expected.forEach((value, i) => expect(found[i], name).toBeCloseTo(value, 5));
    }
    expect(start_.get('classifier.weight')).not.toEqual(whole.get('classifier.weight'));
    start({});
  });

  it('of the same batch twice has its gradients', async () => {
    const once = await after([batch()], {});
    const twice = await after([batch(), batch()], {});
    for (const { name, role } of model.entries) {
      if (role === 'mean' || role === 'variance') continue; // they move twice
      once
        .get(name)!
        .forEach((value, i) => expect(twice.get(name)![i], name).toBeCloseTo(value, 5));
    }
    start({});
  });
});

describe('the backbone', () => {
  /** How far the first update moves each parameter. */
  async function moves(changed: Partial<OptimizerConfig>) {
    start(changed);
    const before = values(model.variables);
    await learner.learn(batch(), 0, 0);
    learner.update(0.1, 0);
    const after = values(model.variables);
    const backbone: number[] = [];
    const classifier: number[] = [];
    for (const [name, old] of before) {
      const list = name.startsWith('classifier.') ? classifier : backbone;
      after.get(name)!.forEach((value, i) => list.push(value - old[i]!));
    }
    return { backbone: Math.hypot(...backbone), classifier: Math.hypot(...classifier) };
  }

  it('can be frozen, running statistics included', async () => {
    const { backbone, classifier } = await moves({ freeze_backbone: true });
    expect(backbone).toBe(0);
    expect(classifier).toBeGreaterThan(0);
  });

  it('has no gradients computed where it is frozen', async () => {
    const gradients = async (freeze_backbone: boolean) => {
      start({ freeze_backbone });
      const run = vi.spyOn(currentMenetBackend()!, 'run');
      await learner.learn(batch(), 0, 0);
      const ops = run.mock.calls.map(([op]) => op);
      run.mockRestore();
      learner.dispose();
      model.dispose();
      return ops.filter((op) => /^(Stem|MeUnit)Grad$/.test(op)).length;
    };
    expect(await gradients(false)).toBe(7);
    expect(await gradients(true)).toBe(0);
    start({});
  });

  it('can learn at a rate of its own', async () => {
    start({ backbone_rate_factor: 0.25, weight_decay: 0.1, weight_decay_norms: false });
    const groups = parameterGroups(model, {
      weight_decay: 0.1,
      weight_decay_norms: false,
      backbone_rate_factor: 0.25,
    });
    const roles = new Map(model.entries.map(({ name, role }) => [name, role]));
    const found = groups.flatMap(({ parameters, rateFactor, weightDecay }) =>
      [...parameters.keys()].map((name) => ({ name, rateFactor, weightDecay })),
    );
    const trained = [...model.variables].filter(([, variable]) => variable.trainable);
    expect(found.map(({ name }) => name).sort()).toEqual(trained.map(([name]) => name).sort());
    for (const { name, rateFactor, weightDecay } of found) {
      expect(rateFactor, name).toBe(name.startsWith('classifier.') ? 1 : 0.25);
      const decays = ['conv', 'depthwise', 'linear'].includes(roles.get(name)!);
      expect(weightDecay, name).toBe(decays ? 0.1 : 0);
    }
  });

  it('then moves that much less', async () => {
    const variables = async (factor: number) => {
      start({ backbone_rate_factor: factor });
      const before = values(model.variables).get('features.init.conv.weight')!;
      await learner.learn(batch(), 0, 0);
      learner.update(0.1, 0);
      const after = values(model.variables).get('features.init.conv.weight')!;
      learner.dispose();
      model.dispose();
      return Math.hypot(...after.map((value, i) => value - before[i]!));
    };
    expect((await variables(0.25)) / (await variables(1))).toBeCloseTo(0.25, 3);
    start({});
  });
});

describe('the average', () => {
  it('follows the whole state, fast at first', async () => {
    start({ ema_decay: 0.15 });
    const wanted = values(model.variables);
    for (const [step, keep] of [1 / 10, 0.15, 0.15].entries()) {
      await learner.learn(batch(), 0, step);
      learner.update(0.1, step);
      for (const [name, state] of values(model.variables))
        wanted.set(
          name,
          state.map((value, i) => keep * wanted.get(name)![i]! + (1 - keep) * value),
        );
    }
    for (const [name, found] of values(learner.average!.values))
      wanted.get(name)!.forEach((value, i) => expect(found[i], name).toBeCloseTo(value, 5));
  });

  it('takes the weights’ place for a while, whatever happens', async () => {
    start({ ema_decay: 0.5 });
    await learner.learn(batch(), 0, 0);
    learner.update(0.1, 0);
    const raw = values(model.variables);
    const average = values(learner.average!.values);
    await learner.withAveragedWeights(async () => expect(values(model.variables)).toEqual(average));
    expect(values(model.variables)).toEqual(raw);
    const failure = learner.withAveragedWeights(() => Promise.reject(new Error('no')));
    await expect(failure).rejects.toThrow('no');
    expect(values(model.variables)).toEqual(raw);
    expect(values(learner.average!.values)).toEqual(average);
    expect(average).not.toEqual(raw);
  });
});

describe('a scaled loss', () => {
  const fp16 = { precision: 'fp16', momentum: 0 } as const;

  it('leaves a step out where gradients overflow, and halves', async () => {
    start({ ...fp16, ema_decay: 0.5 });
    const { lossScale } = learner;
    lossScale!.restore({ scale: 2 ** 127, good_steps: 5, skipped_steps: 0 });
    const weights = () => values(learner.optimizer.parameters);
    const [before, average] = [weights(), values(learner.average!.values)];
    const { loss } = await learner.learn(batch(), 0, 0);
    expect(loss).toBeLessThan(10); // is not scaled
    expect(learner.update(0.1, 0)).toBe(false);
    expect(weights()).toEqual(before);
    expect(values(learner.average!.values)).toEqual(average);
    expect(learner.optimizer.stepCount).toBe(0);
    expect(lossScale!.state).toEqual({ scale: 2 ** 126, good_steps: 0, skipped_steps: 1 });
    lossScale!.restore({ ...lossScale!.state, scale: 1024 });
    await learner.learn(batch(), 0, 0);
    expect(learner.update(0.1, 0)).toBe(true);
    expect(weights()).not.toEqual(before);
    expect(lossScale!.state).toEqual({ scale: 1024, good_steps: 1, skipped_steps: 1 });
  });

  it.each([0, 0.5])('with clip_norm %d gives the update of one that is not', async (clip_norm) => {
    const update = async (scale: number) => {
      start({ ...fp16, clip_norm });
      learner.lossScale!.restore({ scale, good_steps: 0, skipped_steps: 0 });
      const before = values(learner.optimizer.parameters);
      await learner.learn(batch(0, 4), 0, 0);
      await learner.learn(batch(4), 0, 1);
      learner.update(0.1, 0);
      const after = [...values(learner.optimizer.parameters)];
      learner.dispose();
      model.dispose();
      return after.flatMap(([name, list]) => [...list].map((v, i) => v - before.get(name)![i]!));
    };
    const plain = await update(1);
    const scaled = await update(2 ** 8);
    const error = Math.hypot(...scaled.map((value, i) => value - plain[i]!));
    expect(error).toBeLessThan(0.01 * Math.hypot(...plain));
    start({});
  });

  it('that is not multiplied any more ends the run', async () => {
    start(fp16);
    learner.lossScale!.restore({ scale: 1, good_steps: 0, skipped_steps: 9 });
    const bias = model.variables.get('classifier.bias')!;
    tf.tidy(() => bias.assign(tf.fill(bias.shape, Infinity)));
    await learner.learn(batch(), 0, 0);
    expect(() => learner.update(0.1, 0)).toThrow(DivergedError);
  });

  it('is of fp16 alone', () => {
    start({ precision: 'bf16' });
    expect(learner.lossScale).toBeUndefined();
  });
});
