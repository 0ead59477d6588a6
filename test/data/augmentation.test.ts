import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Augmentation } from '../../src/data/augmentation.js';
import { scanImageFolder, type ImageFolder } from '../../src/data/image_folder.js';
import { ImageLoader } from '../../src/data/loader.js';
import { InputError } from '../../src/errors.js';
import { formulaImage } from './torchvision_reference.js';

const imageSize = 48;
const images = 24;
let root: string;
let folder: ImageFolder;

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'menet-augmentation-'));
  mkdirSync(path.join(root, 'only'));
  for (let i = 0; i < images; i++) {
    const { data, width, height } = formulaImage({ width: 60 + i, height: 52 });
    const file = path.join(root, 'only', `${String(i).padStart(2, '0')}.png`);
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(file);
  }
  folder = await scanImageFolder(root);
});
afterAll(() => rmSync(root, { recursive: true }));

async function load(
  options: Partial<Augmentation>,
  { workers = 0, epoch = 0, transform = 'aggressive' } = {},
): Promise<Uint8Array[]> {
  const loader = new ImageLoader(folder, {
    batchSize: images,
    imageSize,
    transform,
    workers,
    seed: 7,
    shuffle: false,
    ...options,
  });
  try {
    for await (const { pixels } of loader.epoch(epoch)) {
      const bytes = imageSize * imageSize * 3;
      return Array.from({ length: images }, (_, i) => pixels.slice(i * bytes, (i + 1) * bytes));
    }
    throw new Error('no batch');
  } finally {
    await loader.close();
  }
}

const different = (a: Uint8Array[], b: Uint8Array[]) =>
  a.filter((image, i) => Buffer.compare(image, b[i]!) !== 0).length;

test('the defaults change nothing, each option something', async () => {
  const plain = await load({});
  expect(await load({ randomAugment: 'none', randomErasing: 0 })).toEqual(plain);
  const two = await load({ randomAugment: 'rand_augment' });
  expect(different(two, plain)).toBeGreaterThan(images * 0.7);
  expect(await load({ randomAugment: 'rand_augment', randAugmentOps: 2 })).toEqual(two);
  expect(await load({ randomAugment: 'rand_augment', randAugmentMagnitude: 9 })).toEqual(two);
  const one = await load({ randomAugment: 'rand_augment', randAugmentOps: 1 });
  expect(different(one, two)).toBeGreaterThan(images * 0.5);
  const strong = await load({ randomAugment: 'rand_augment', randAugmentMagnitude: 25 });
  expect(different(strong, two)).toBeGreaterThan(images * 0.5);
  const trivial = await load({ randomAugment: 'trivial_augment' });
  expect(different(trivial, plain)).toBeGreaterThan(images * 0.5);
  expect(different(trivial, one)).toBeGreaterThan(images * 0.5);
});

test('crops and flips are those of runs without augmentation', async () => {
  const plain = await load({});
  const erased = await load({ randomErasing: 1 });
  for (const [i, image] of erased.entries()) {
    const kept = image.filter((value, p) => value === plain[i]![p]).length / image.length;
    expect(kept).toBeGreaterThan(0.6);
    expect(kept).toBeLessThan(1);
  }
});

test('what is erased is a box of the mean colour, after everything else', async () => {
  const transform = 'aggressive_with_color_jitter';
  const randomAugment = 'rand_augment';
  const before = await load({ randomAugment }, { transform });
  const erased = await load({ randomAugment, randomErasing: 1 }, { transform });
  for (const [i, image] of erased.entries()) {
    const changed: [number, number][] = [];
    for (let y = 0; y < imageSize; y++) {
      for (let x = 0; x < imageSize; x++) {
        const p = (y * imageSize + x) * 3;
        const pixel = [...image.subarray(p, p + 3)];
        if (pixel.join() === [...before[i]!.subarray(p, p + 3)].join()) continue;
        expect(pixel).toEqual([124, 116, 104]);
        changed.push([x, y]);
      }
    }
    const side = (axis: 0 | 1) =>
      Math.max(...changed.map((at) => at[axis])) - Math.min(...changed.map((at) => at[axis])) + 1;
    expect(changed.length).toBeGreaterThan(0.9 * side(0) * side(1));
  }
});

test('a function of seed, epoch and index: the same for any number of workers', async () => {
  const options = { randomAugment: 'rand_augment', randomErasing: 0.5 } as const;
  const alone = await load(options);
  expect(await load(options, { workers: 2 })).toEqual(alone);
  expect(different(await load(options, { epoch: 1 }), alone)).toBe(images);
});

test.each([
  [{ randomAugment: 'all' as never }, /randomAugment: expected one of none, rand_augment, tr/],
  [{ randAugmentOps: 0 }, /randAugmentOps: expected a positive integer, got 0/],
  [{ randAugmentMagnitude: 31 }, /randAugmentMagnitude: expected an integer from 0 to 30, got 31/],
  [{ randAugmentMagnitude: 2.5 }, /randAugmentMagnitude/],
  [{ randomErasing: -0.1 }, /randomErasing: expected a probability between 0 and 1, got -0.1/],
  [{ randomErasing: NaN }, /randomErasing/],
])('rejected: %o', async (options, message) => {
  await expect(load(options)).rejects.toThrow(message);
  await expect(load(options)).rejects.toThrow(InputError);
});
