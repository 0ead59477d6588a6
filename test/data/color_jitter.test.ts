import { describe, expect, test } from 'vitest';
import { colorJitter } from '../../src/data/color_jitter.js';
import { referenceKernels } from '../../src/data/image_kernels.js';
import { native } from '../../src/native.js';
import { randomStream, uniform } from '../../src/random.js';

const kernels = [
  ['native', native().images],
  ['reference', referenceKernels],
] as const;
type Adjustment = 'adjustBrightness' | 'adjustContrast' | 'adjustSaturation' | 'adjustHue';

const pixels = [
  255, 0, 0, 12, 200, 31, 3, 7, 250, 128, 128, 128, 90, 91, 89, 255, 255, 255, 200, 180, 10, 33, 66,
  99,
];

/** Made with Pillow 13: ImageEnhance, and torchvision's adjust_hue, which turns an HSV image. */
const expected: [Adjustment, number, number[]][] = [
  [
    'adjustBrightness',
    1.1,
    [
      255, 0, 0, 13, 220, 34, 3, 7, 255, 140, 140, 140, 99, 100, 97, 255, 255, 255, 220, 198, 11,
      36, 72, 108,
    ],
  ],
  [
    'adjustBrightness',
    0.93,
    [
      237, 0, 0, 11, 186, 28, 2, 6, 232, 119, 119, 119, 83, 84, 82, 237, 237, 237, 186, 167, 9, 30,
      61, 92,
    ],
  ],
  [
    'adjustContrast',
    1.1,
    [
      255, 0, 0, 1, 208, 22, 0, 0, 255, 129, 129, 129, 87, 88, 86, 255, 255, 255, 208, 186, 0, 24,
      60, 97,
    ],
  ],
  [
    'adjustSaturation',
    0.9,
    [
      237, 7, 7, 23, 192, 40, 6, 9, 228, 128, 128, 128, 90, 90, 89, 255, 255, 255, 196, 178, 25, 35,
      65, 95,
    ],
  ],
  [
    'adjustSaturation',
    1.1,
    [
      255, 0, 0, 0, 207, 21, 0, 4, 255, 128, 128, 128, 90, 91, 88, 255, 255, 255, 203, 181, 0, 30,
      66, 102,
    ],
  ],
  [
    'adjustHue',
    0.1,
    [
      255, 150, 0, 13, 200, 140, 143, 4, 250, 128, 128, 128, 89, 91, 89, 255, 255, 255, 108, 200,
      10, 38, 33, 99,
    ],
  ],
  [
    'adjustHue',
    -0.07,
    [
      255, 0, 96, 70, 200, 13, 4, 108, 250, 128, 128, 128, 91, 91, 89, 255, 255, 255, 200, 104, 10,
      33, 94, 99,
    ],
  ],
];

describe.each(kernels)('%s', (_, images) => {
  test.each(expected)("%s by %d is Pillow's, to the bit", (adjust, factor, result) => {
    const rgb = Uint8Array.from(pixels);
    images[adjust](rgb, factor);
    expect([...rgb]).toEqual(result);
  });

  test('factors of one change nothing', () => {
    const rgb = Uint8Array.from(pixels);
    images.adjustBrightness(rgb, 1);
    images.adjustContrast(rgb, 1);
    images.adjustSaturation(rgb, 1);
    expect([...rgb]).toEqual(pixels);
  });

  test('no pixels', () => {
    const none = new Uint8Array(0);
    for (const [adjust] of expected) images[adjust](none, 0.5);
  });
});

test('native and reference agree to the bit, on all hues and on any number of pixels', () => {
  const random = randomStream(8, 0, 0);
  const channels = ['adjustBrightness', 'adjustContrast', 'adjustSaturation', 'adjustHue'] as const;
  // Every combination of chroma and hue: one channel is 0, one 255 or less, one anything.
  const hues = [255, 254, 101, 3].flatMap((value) =>
    Array.from({ length: value + 1 }, (_, between) => [
      [value, between, 0, 0, value, between, between, 0, value],
      [between, value, 0, value, 0, between, 0, between, value],
    ]),
  );
  const images = [Uint8Array.from(hues.flat(2))];
  for (const count of [1, 63, 64, 65, 5000])
    images.push(Uint8Array.from({ length: count * 3 }, () => random() * 256));
  for (const image of images) {
    for (const adjust of channels) {
      const amount = adjust === 'adjustHue' ? uniform(random, -0.5, 0.5) : uniform(random, 0, 2);
      const [actual, wanted] = kernels.map(([, { [adjust]: change }]) => {
        const rgb = image.slice();
        change(rgb, amount);
        return rgb;
      });
      expect(actual, `${adjust} ${amount}`).toEqual(wanted);
    }
  }
});

test('the jitter varies each property by about as much as stated, and in varying order', () => {
  const grey: number[] = [];
  const results = new Set<string>();
  for (let index = 0; index < 2000; index++) {
    const rgb = Uint8Array.of(100, 100, 100);
    colorJitter(rgb, randomStream(1, 2, index));
    grey.push(rgb[0]!);
    const color = Uint8Array.of(200, 40, 90, 30, 180, 60);
    colorJitter(color, randomStream(1, 2, index));
    results.add(color.join());
  }
  // Of a uniform grey only the brightness changes: 90 to 110, evenly.
  expect(Math.min(...grey)).toBe(90);
  expect(Math.max(...grey)).toBeGreaterThanOrEqual(109);
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  expect(Math.abs(mean - 99.5)).toBeLessThan(0.6);
  expect(results.size).toBeGreaterThan(1900);
});
