import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { alter } from '../../src/data/alter.js';
import {
  alterations,
  randAugmentSpace,
  trivialAugmentSpace,
  type AlterationName,
} from '../../src/data/auto_augment.js';
import { referenceKernels } from '../../src/data/image_kernels.js';
import { native } from '../../src/native.js';
import type { Affine, ImageKernels, Pixels } from '../../src/native_images.js';
import { randomStream, uniform } from '../../src/random.js';
import { formulaImage, torchvision } from './torchvision_reference.js';

const kernels = [
  ['native', native().images],
  ['reference', referenceKernels],
] as const;
const runs = Object.entries(torchvision.alterations).flatMap(([title, table]) =>
  kernels.map(([kind, images]) => ({ kind, title, table, images })),
);

describe.each(runs)("$title by $kind kernels is torchvision's", ({ title, table, images }) => {
  const [policy, text] = title.split(' ') as [string, string];
  const [width, height] = text.split('x').map(Number) as [number, number];
  const size = { width, height };
  const space = policy === 'rand_augment' ? randAugmentSpace(size) : trivialAugmentSpace;

  test('the alterations and their order', () => {
    expect([...alterations]).toEqual(Object.keys(table));
  });

  test.each(alterations)('%s: magnitudes, and pixels to the bit', (name) => {
    const { magnitudes, signed, hash } = table[name];
    const range = space[name];
    expect(range?.signed ?? false).toBe(signed);
    for (const [bin, magnitude] of magnitudes.entries()) {
      // torch.linspace's last bit depends on the processor, and some pixels on that bit.
      const own = range?.at(bin) ?? 0;
      expect(Math.abs(own - magnitude)).toBeLessThanOrEqual(3e-7 * magnitude);
    }
    const positive = magnitudes.map(Math.fround);
    const all = signed ? [...positive, ...positive.map((value) => -value)] : positive;
    expect(digest(images, name, all, size)).toBe(hash);
  });
});

function digest(
  images: ImageKernels,
  name: AlterationName,
  magnitudes: number[],
  size: { width: number; height: number },
) {
  const hash = createHash('sha256');
  for (const magnitude of magnitudes) {
    const image = formulaImage(size);
    alter(image, { name, magnitude }, images);
    hash.update(image.data);
  }
  return hash.digest('hex').slice(0, 16);
}

test.each(kernels)(
  '%s kernels: images of one level or one pixel stay what they are',
  (_, images) => {
    for (const name of ['AutoContrast', 'Equalize', 'Sharpness', 'Contrast'] as const) {
      for (const size of [1, 2, 5]) {
        const image = { data: new Uint8Array(size * size * 3).fill(77), width: size, height: size };
        alter(image, { name, magnitude: 0.5 }, images);
        expect([...new Set(image.data)]).toEqual([77]);
      }
    }
  },
);

test('native and reference kernels agree to the bit, on images of any size', () => {
  const random = randomStream(2, 0, 0);
  for (const width of [1, 2, 3, 31, 64, 65]) {
    for (const height of [1, 2, 3, 40]) {
      const data = Uint8Array.from({ length: width * height * 3 }, () => random() * 256);
      const matrix = Array.from({ length: 6 }, (_, i) =>
        i % 3 === 2 ? uniform(random, -9, 9) : uniform(random, -1.5, 1.5),
      ) as unknown as Affine;
      const table = Uint8Array.from({ length: 768 }, () => random() * 256);
      const factor = uniform(random, -1, 3);
      const changes: ((images: ImageKernels, image: Pixels) => void)[] = [
        (images, image) => images.transformNearest(image, matrix),
        (images, image) => images.transformNearest(image, [-1, 0, matrix[2], 0, 1.3, matrix[5]]),
        (images, image) => images.sharpen(image, factor),
        (images, image) => images.mapLevels(image.data, table),
      ];
      for (const [i, change] of changes.entries()) {
        const [actual, wanted] = kernels.map(([, images]) => {
          const image = { data: data.slice(), width, height };
          change(images, image);
          return image.data;
        });
        expect(actual, `change ${i} of ${width} x ${height}`).toEqual(wanted);
      }
      const [actual, wanted] = kernels.map(([, images]) => {
        const counts = new Uint32Array(768).fill(7);
        images.countLevels(data, counts);
        return counts;
      });
      expect(actual).toEqual(wanted);
    }
  }
});
