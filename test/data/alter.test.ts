import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { alter } from '../../src/data/alter.js';
import {
  alterations,
  randAugmentSpace,
  trivialAugmentSpace,
  type AlterationName,
} from '../../src/data/auto_augment.js';
import { formulaImage, torchvision } from './torchvision_reference.js';

describe.each(Object.entries(torchvision.alterations))("%s is torchvision's", (title, table) => {
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
    expect(digest(name, all, size)).toBe(hash);
  });
});

function digest(
  name: AlterationName,
  magnitudes: number[],
  size: { width: number; height: number },
) {
  const hash = createHash('sha256');
  for (const magnitude of magnitudes) {
    const image = formulaImage(size);
    alter(image, { name, magnitude });
    hash.update(image.data);
  }
  return hash.digest('hex').slice(0, 16);
}

test('images of one level or one pixel stay what they are', () => {
  for (const name of ['AutoContrast', 'Equalize', 'Sharpness', 'Contrast'] as const) {
    for (const size of [1, 2, 5]) {
      const image = { data: new Uint8Array(size * size * 3).fill(77), width: size, height: size };
      alter(image, { name, magnitude: 0.5 });
      expect([...new Set(image.data)]).toEqual([77]);
    }
  }
});
