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
