import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeDemoImages } from '../../src/data/demo_images.js';

/** A folder with a tiny data set of eight classes and configurations that train on it in seconds. */
export interface TinyRun {
  folder: string;
  data: string;
  model: string;
  optim: string;
  sched: string;
  remove(): void;
}

export const tinyConfigurations = {
  model: {
    name: 'menet',
    block_channels: [12, 24, 48],
    block_layers: [1, 1, 1],
    init_c: 6,
    side_channels: [2, 2, 2],
    groups: 3,
    init_mode: 'fan_out',
    num_classes: 8,
  },
  optim: {
    name: 'SGD',
    learning_rate: 0.02,
    momentum: 0.9,
    weight_decay: 0.0001,
    nesterov: true,
    epochs: 2,
  },
  sched: { name: 'StepLR', step_size: 1, gamma: 0.5 },
  data: {
    name: 'tiny',
    batch_size: 8,
    num_workers: 1,
    transform: 'aggressive',
    image_size: 32,
  },
};

/** Makes the files in a new temporary folder. */
export async function makeTinyRun(): Promise<TinyRun> {
  const folder = mkdtempSync(path.join(tmpdir(), 'menet-run-'));
  const roots = await makeDemoImages(path.join(folder, 'images'), {
    seed: 1,
    imagesPerClass: { train: 3, valid: 2 },
    imageSize: 36,
  });
  const write = (name: string, value: object): string => {
    const file = path.join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(value));
    return file;
  };
  return {
    folder,
    data: write('data', {
      ...tinyConfigurations.data,
      train_root: roots.train,
      valid_root: roots.valid,
    }),
    model: write('model', tinyConfigurations.model),
    optim: write('optim', tinyConfigurations.optim),
    sched: write('sched', tinyConfigurations.sched),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
