import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { InputError } from '../../src/errors.js';
import { normalizeImages } from '../../src/ops/normalize_images.js';

beforeAll(() => tf.setBackend('cpu'));

it('normalizeImages scales and shifts each channel', () => {
  const image = normalizeImages(Uint8Array.from([0, 0, 0, 255, 128, 51]), [1, 1, 2, 3]);
  const expected = [
    [0 - 0.485, 0 - 0.456, 0 - 0.406],
    [1 - 0.485, 128 / 255 - 0.456, 0.2 - 0.406],
  ].flatMap(([r, g, b]) => [r! / 0.229, g! / 0.224, b! / 0.225]);
  expect(image.shape).toEqual([1, 1, 2, 3]);
  image.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
});

it.each(['cpu', 'menet'])('normalizeImages reads shared memory on %s', async (backend) => {
  await tf.setBackend(backend);
  const pixels = Uint8Array.from({ length: 2 * 3 * 3 * 3 }, (_, i) => 4 * i);
  const shared = new Uint8Array(new SharedArrayBuffer(pixels.length + 5), 5);
  shared.set(pixels);
  const shape = [2, 3, 3, 3] as const;
  const [found, expected] = [shared, pixels].map((bytes) => normalizeImages(bytes, [...shape]));
  expect(found!.dataSync()).toEqual(expected!.dataSync());
});

describe.each(['cpu', 'menet'])('normalizeImages mixes on %s', (backend) => {
  const shape = [3, 4, 5, 3] as [number, number, number, number];
  const pixels = Uint8Array.from({ length: 180 }, (_, i) => (37 * i) % 256);
  const boxes = {
    everywhere: { top: 0, left: 0, height: 4, width: 5 },
    inside: { top: 1, left: 2, height: 2, width: 3 },
    nowhere: { top: 2, left: 2, height: 0, width: 0 },
  };

  it.each(Object.entries(boxes))('%s', async (_, box) => {
    await tf.setBackend(backend);
    const partners = [2, 1, 0];
    const share = 0.3;
    const plain = normalizeImages(pixels, shape).dataSync();
    const found = normalizeImages(pixels, shape, { partners, share, box }).dataSync();
    found.forEach((value, i) => {
      const [image, y, x] = [Math.floor(i / 60), Math.floor(i / 15) % 4, Math.floor(i / 3) % 5];
      const mixed =
        y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width;
      const other = plain[i + 60 * (partners[image]! - image)]!;
      expect(value).toBeCloseTo(mixed ? 0.7 * plain[i]! + 0.3 * other : plain[i]!, 5);
    });
  });

  it.each([
    [{ partners: [0, 1] }, 'partners: expected 3 indices of images'],
    [{ partners: [0, 1, 3] }, 'partners: expected 3 indices of images'],
    [{ share: 1.5 }, 'share: expected a share from 0 to 1, got 1.5'],
    [{ box: { ...boxes.inside, left: 3 } }, 'box: expected a part of 4 × 5 pixels'],
    [{ box: { ...boxes.inside, top: -1 } }, 'box: expected a part of 4 × 5 pixels'],
  ])('but not %o', async (spoilt, message) => {
    await tf.setBackend(backend);
    const mix = { partners: [0, 1, 2], share: 1, box: boxes.inside, ...spoilt };
    expect(() => normalizeImages(pixels, shape, mix)).toThrow(InputError);
    expect(() => normalizeImages(pixels, shape, mix)).toThrow(`normalizeImages: ${message}`);
  });
});

describe('normalizeImages rejects', () => {
  it.each([
    ['other arrays', new Float32Array(3) as unknown as Uint8Array, [1, 1, 1, 3], 'a Uint8Array'],
    [
      'other channels',
      new Uint8Array(4),
      [1, 1, 1, 4],
      'expected [N, H, W, 3], got "[1, 1, 1, 4]"',
    ],
    ['other sizes', new Uint8Array(3), [1, 1, 2, 3], 'expected 6 bytes, got 3'],
  ] as const)('%s', (_, pixels, shape, message) => {
    const call = () => normalizeImages(pixels, [...shape]);
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });
});
