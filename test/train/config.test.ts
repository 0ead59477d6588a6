import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readDataConfig } from '../../src/train/data_config.js';
import { readOptimizerConfig } from '../../src/train/optimizer_config.js';
import { readScheduleConfig } from '../../src/train/schedule_config.js';

const folder = mkdtempSync(path.join(tmpdir(), 'menet-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const data = {
  name: 'ImageNet',
  train_root: 'train',
  valid_root: 'valid',
  batch_size: 256,
  num_workers: 8,
  transform: 'aggressive',
};
const dataDefaults = {
  image_size: 224,
  random_augment: 'none',
  rand_augment_ops: 2,
  rand_augment_magnitude: 9,
  mixup_alpha: 0,
  cutmix_alpha: 0,
  random_erasing: 0,
};
const sgd = {
  name: 'SGD',
  learning_rate: 0.1,
  momentum: 0.9,
  weight_decay: 0.00004,
  nesterov: true,
  epochs: 120,
};
const adam = {
  name: 'Adam',
  learning_rate: 0.001,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weight_decay: 0,
  epochs: 90,
};
const recipeOff = {
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
const step = { name: 'StepLR', step_size: 30, gamma: 0.1 };

function save(value: unknown): string {
  const file = path.join(folder, 'config.json');
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
}

function errorOf(read: (file: string) => unknown, value: unknown): string {
  try {
    read(save(value));
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  throw new Error('accepted');
}

it('reads what is published, with images of 224 and no recipe', () => {
  expect(readDataConfig(save(data))).toEqual({ ...data, ...dataDefaults });
  expect(readOptimizerConfig(save(sgd))).toEqual({ ...sgd, ...recipeOff });
  expect(readScheduleConfig(save(step))).toEqual({
    ...step,
    warmup_epochs: 0,
    warmup_factor: 0.1,
  });
});

describe('the published optimizer', () => {
  const published = path.resolve(import.meta.dirname, '../../config/imagenet/optim-config');

  it.each(readdirSync(published))('%s is read', (name) => {
    expect(readOptimizerConfig(path.join(published, name)).epochs).toBeGreaterThan(1);
  });
});

it('the recommended configurations belong together', () => {
  const read = (kind: string) =>
    path.resolve(import.meta.dirname, `../../config/imagenet/${kind}-config/recommended.json`);
  const optimizer = readOptimizerConfig(read('optim'));
  const schedule = readScheduleConfig(read('sched'));
  expect(optimizer).toMatchObject({ weight_decay_norms: false, ema_decay: 0.9999 });
  expect(schedule).toMatchObject({ name: 'CosineAnnealingLR', T_max: optimizer.epochs });
  expect(readDataConfig(read('data'))).toMatchObject({ mixup_alpha: 0, cutmix_alpha: 0 });
});

describe('errors name file, field, expected and found', () => {
  it.each([
    [readDataConfig, { ...data, batch_size: 0 }, 'field batch_size: expected at least 1, got 0'],
    [
      readDataConfig,
      { ...data, batch_size: 1.5 },
      'field batch_size: expected an integer, got 1.5',
    ],
    [readDataConfig, { ...data, image_size: 31 }, 'field image_size: expected at least 32, got 31'],
    [readDataConfig, { ...data, trian_root: 'x' }, 'field trian_root: expected no such field'],
    [
      readDataConfig,
      { ...data, valid_root: undefined },
      'field valid_root: expected type string, got nothing',
    ],
    [
      readDataConfig,
      { ...data, transform: 'wild' },
      'field transform: expected one of "evaluate", "more_aggressive"',
    ],
    [
      readDataConfig,
      { ...data, random_augment: 'trivial_augmnt' },
      'field random_augment: expected one of "none", "rand_augment", "trivial_augment"',
    ],
    [
      readDataConfig,
      { ...data, rand_augment_ops: 0 },
      'field rand_augment_ops: expected at least 1, got 0',
    ],
    [
      readDataConfig,
      { ...data, rand_augment_magnitude: 31 },
      'field rand_augment_magnitude: expected at most 30, got 31',
    ],
    [
      readDataConfig,
      { ...data, random_erasing: 1.5 },
      'field random_erasing: expected at most 1, got 1.5',
    ],
    [
      readOptimizerConfig,
      { ...sgd, name: 'AdamX' },
      'field name: expected one of "SGD", "RMSprop", "Adam", "AdamW", "Adadelta", got "AdamX"; ' +
        'did you mean "Adam"?',
    ],
    [
      readOptimizerConfig,
      { ...adam, betas: [0.9] },
      'field betas: expected at least 2 entries, got [0.9]',
    ],
    [
      readOptimizerConfig,
      { ...adam, betas: [0.9, 1] },
      'field betas.1: expected less than 1, got 1',
    ],
    [
      readOptimizerConfig,
      { ...adam, momentum: 0.9 },
      'field momentum: expected no such field, got 0.9',
    ],
    [
      readOptimizerConfig,
      { ...adam, label_smoothng: 0.1 },
      'field label_smoothng: expected no such field, got 0.1; did you mean "label_smoothing"?',
    ],
    [
      readDataConfig,
      { ...data, mixupalpha: 0.2 },
      'field mixupalpha: expected no such field, got 0.2; did you mean "mixup_alpha"?',
    ],
    [readOptimizerConfig, { ...adam, epsilon: 0 }, 'field epsilon: expected more than 0, got 0'],
    [
      readOptimizerConfig,
      { ...sgd, clip_norm: -1 },
      'field clip_norm: expected at least 0, got -1',
    ],
    [readOptimizerConfig, { ...sgd, ema_decay: 1 }, 'field ema_decay: expected less than 1, got 1'],
    [
      readOptimizerConfig,
      { ...sgd, accumulate_steps: 0 },
      'field accumulate_steps: expected at least 1, got 0',
    ],
    [
      readOptimizerConfig,
      { ...sgd, weight_decay_norms: 1 },
      'field weight_decay_norms: expected type boolean, got 1',
    ],
    [
      readScheduleConfig,
      { name: 'CosineAnnealing', T_max: 3 },
      'field name: expected one of "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", ' +
        'got "CosineAnnealing"; did you mean "CosineAnnealingLR"?',
    ],
    [
      readScheduleConfig,
      { ...step, warmup_factor: 0 },
      'field warmup_factor: expected more than 0, got 0',
    ],
    [
      readScheduleConfig,
      { ...step, warmup_epochs: -1 },
      'field warmup_epochs: expected at least 0, got -1',
    ],
    [
      readOptimizerConfig,
      { ...sgd, learning_rate: -1 },
      'field learning_rate: expected more than 0, got -1',
    ],
    [readOptimizerConfig, { ...sgd, momentum: 1 }, 'field momentum: expected less than 1, got 1'],
    [
      readOptimizerConfig,
      { ...sgd, momentum: 0 },
      'field momentum: expected more than 0 for nesterov, got 0',
    ],
    [readScheduleConfig, { ...step, gamma: '0.1' }, 'field gamma: expected type number, got "0.1"'],
    [
      readScheduleConfig,
      { name: 'MultiStepLR', milestones: [], gamma: 1 },
      'field milestones: expected at least 1 entries, got []',
    ],
    [readScheduleConfig, [], 'expected type object, got []'],
    [readScheduleConfig, '{"name": ', 'expected JSON, '],
    [
      readScheduleConfig,
      '{"name": "StepLR",\n "gamma": 1 "x"}',
      "expected JSON, Expected ',' or '}' after property value in JSON at position 31 (line 2, column 13)",
    ],
    [
      readScheduleConfig,
      '\0\x1b[2J',
      `expected JSON, Unexpected token '?', "??[2J" is not valid JSON`,
    ],
    [
      readScheduleConfig,
      { name: 'StepLR', step_size: 2, gama: 0.1 },
      'field gama: expected no such field, got 0.1; did you mean "gamma"?',
    ],
  ])('%# %o', (read, value, message) => {
    const error = errorOf(read, value);
    expect(error).toContain(`${path.join(folder, 'config.json')}: ${message}`);
    expect(error).not.toContain('\n');
  });

  it.each([
    [readOptimizerConfig, sgd, 'label_smoothing', 1, 'less than 1, got 1'],
    [readOptimizerConfig, sgd, 'ema_decay', -0.1, 'at least 0, got -0.1'],
    [readOptimizerConfig, sgd, 'accumulate_steps', 0, 'at least 1, got 0'],
    [readOptimizerConfig, sgd, 'clip_norm', -1, 'at least 0, got -1'],
    [readOptimizerConfig, sgd, 'early_stopping_epochs', 1.5, 'an integer, got 1.5'],
    [readOptimizerConfig, sgd, 'backbone_rate_factor', 0, 'more than 0, got 0'],
    [readOptimizerConfig, sgd, 'freeze_backbone', 'yes', 'type boolean, got "yes"'],
    [readOptimizerConfig, sgd, 'weight_decay_norms', 0, 'type boolean, got 0'],
    [readDataConfig, data, 'mixup_alpha', -1, 'at least 0, got -1'],
    [readDataConfig, data, 'cutmix_alpha', 101, 'at most 100, got 101'],
  ])('of the recipe: %o, %o, %s %o', (read, good, field, value, expected) => {
    const message = errorOf(read, { ...good, [field]: value });
    expect(message).toContain(`field ${field}: expected ${expected}`);
  });

  it('but not for a byte order mark', () => {
    const file = path.join(folder, 'marked.json');
    const schedule = { name: 'ExponentialLR', gamma: 0.9 };
    writeFileSync(file, `\uFEFF${JSON.stringify(schedule)}`);
    expect(readScheduleConfig(file)).toMatchObject(schedule);
  });

  it('a file that is not there', () => {
    expect(() => readDataConfig(path.join(folder, 'none.json'))).toThrow(
      /none\.json: expected a JSON file, cannot read it \(ENOENT\)/,
    );
  });
});
