import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scanImageFolder, type ImageFolder } from '../../src/data/image_folder.js';
import { readDataConfig, type DataConfig } from '../../src/train/data_config.js';
import { openLoaders } from '../../src/train/loaders.js';
import { silentProgress } from '../../src/train/progress.js';
import { makeTinyRun, type TinyRun } from './tiny_run.js';

let tiny: TinyRun;
let data: DataConfig;
let folders: { train: ImageFolder; valid: ImageFolder };

beforeAll(async () => {
  tiny = await makeTinyRun();
  data = { ...readDataConfig(tiny.data), num_workers: 0 };
  const [train, valid] = await Promise.all([data.train_root, data.valid_root].map(scanImageFolder));
  folders = { train: train!, valid: valid! };
});
afterAll(() => tiny.remove());

/** Hashes of the first epoch's images. */
async function digests(fields: Partial<DataConfig>) {
  const loaders = await openLoaders(folders, { ...data, ...fields }, 3, {
    progress: silentProgress,
  });
  const hashes = { train: createHash('sha256'), valid: createHash('sha256') };
  for (const part of ['train', 'valid'] as const) {
    for await (const { pixels } of loaders[part].epoch(0)) hashes[part].update(pixels);
  }
  await loaders.close();
  return { train: hashes.train.digest('hex'), valid: hashes.valid.digest('hex') };
}

test('each field of augmentation reaches the training images, and no other images', async () => {
  const plain = await digests({});
  const settings: Partial<DataConfig>[] = [
    { transform: 'conservative' },
    { random_augment: 'trivial_augment' },
    { random_augment: 'rand_augment' },
    { random_augment: 'rand_augment', rand_augment_ops: 3 },
    { random_augment: 'rand_augment', rand_augment_magnitude: 20 },
    { random_erasing: 0.5 },
  ];
  const seen = new Set([plain.train]);
  for (const fields of settings) {
    const { train, valid } = await digests(fields);
    expect(valid).toBe(plain.valid);
    seen.add(train);
  }
  expect(seen.size).toBe(settings.length + 1);
});
