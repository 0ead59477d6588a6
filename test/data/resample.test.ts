import { describe, expect, test } from 'vitest';
import { referenceKernels } from '../../src/data/image_kernels.js';
import { native } from '../../src/native.js';
import type { Placement } from '../../src/native_images.js';
import { randomInteger, randomStream } from '../../src/random.js';

// 7 x 5 random pixels, and what Pillow 13 makes of them: resize((4, 9), BILINEAR), which shrinks
// one way and enlarges the other.
const image = {
  width: 7,
  height: 5,
  data: Uint8Array.from([
    5, 160, 36, 179, 33, 35, 159, 165, 136, 87, 74, 104, 58, 83, 168, 33, 102, 186, 58, 224, 244,
    88, 149, 107, 113, 182, 71, 53, 146, 14, 90, 84, 52, 132, 213, 170, 136, 48, 187, 195, 241, 96,
    210, 187, 135, 208, 208, 31, 81, 176, 130, 152, 187, 242, 223, 156, 22, 23, 31, 104, 205, 23,
    245, 221, 75, 81, 41, 41, 255, 214, 112, 226, 46, 235, 71, 16, 248, 120, 245, 67, 250, 146, 172,
    66, 112, 167, 139, 107, 103, 8, 90, 63, 231, 239, 169, 52, 176, 149, 253, 255, 85, 46, 222, 68,
    181,
  ]),
};
const pillow = [
  87, 106, 40, 143, 113, 107, 61, 84, 154, 47, 165, 216, 90, 125, 56, 120, 121, 83, 81, 104, 149,
  87, 162, 190, 96, 157, 82, 83, 133, 44, 114, 137, 142, 154, 158, 148, 144, 177, 88, 98, 158, 83,
  140, 142, 122, 150, 102, 155, 203, 195, 90, 126, 185, 142, 163, 140, 100, 128, 33, 174, 170, 121,
  130, 129, 156, 168, 111, 178, 118, 158, 87, 159, 140, 70, 154, 132, 129, 182, 85, 201, 135, 188,
  125, 145, 121, 111, 112, 134, 111, 153, 163, 164, 147, 217, 96, 134, 109, 135, 87, 135, 101, 136,
  209, 142, 155, 234, 79, 127,
];

type Resample = typeof referenceKernels.resample;

const kernels: [string, Resample][] = [
  ['native', native().images.resample],
  ['reference', referenceKernels.resample],
];

const pixel = (x: number, y: number, values: number[], width: number) =>
  values.slice((y * width + x) * 3, (y * width + x) * 3 + 3);

describe.each(kernels)('%s', (_, resample) => {
  function run(placement: Partial<Placement>): number[] {
    const source = { left: 0, top: 0, width: 7, height: 5 };
    const resized = { width: 4, height: 9 };
    const crop = { left: 0, top: 0, ...resized };
    const all = { source, resized, crop, flip: false, ...placement };
    const out = new Uint8Array(all.crop.width * all.crop.height * 3);
    resample(image, all, out);
    return [...out];
  }

  test("resizing is Pillow's, to the bit", () => {
    expect(run({})).toEqual(pillow);
  });

  test('a crop of the resized image is that part of it, and a flip mirrors it', () => {
    const crop = { left: 1, top: 3, width: 2, height: 4 };
    const cropped = run({ crop });
    const flipped = run({ crop, flip: true });
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 2; x++) {
        expect(pixel(x, y, cropped, 2)).toEqual(pixel(x + 1, y + 3, pillow, 4));
        expect(pixel(1 - x, y, flipped, 2)).toEqual(pixel(x, y, cropped, 2));
      }
    }
  });

  test('a source box is resized as if nothing lay around it', () => {
    const source = { left: 2, top: 1, width: 3, height: 2 };
    const same = { width: 3, height: 2 };
    const copied = run({ source, resized: same, crop: { left: 0, top: 0, ...same } });
    const box = [0, 1].flatMap((y) => {
      const begin = ((y + 1) * 7 + 2) * 3;
      return [...image.data.slice(begin, begin + 9)];
    });
    expect(copied).toEqual(box);
    const larger = { width: 12, height: 8 };
    const corner = run({ source, resized: larger, crop: { left: 0, top: 0, width: 1, height: 1 } });
    expect(corner).toEqual(box.slice(0, 3));
  });
});

/** A random image, and a random part of it resized, cropped and perhaps flipped. */
function randomCase(index: number) {
  const random = randomStream(3, 1, index);
  const size = () => ({
    width: 1 + randomInteger(random, 70),
    height: 1 + randomInteger(random, 70),
  });
  const boxIn = ({ width, height }: { width: number; height: number }) => {
    const [left, top] = [randomInteger(random, width), randomInteger(random, height)];
    return {
      left,
      top,
      width: 1 + randomInteger(random, width - left),
      height: 1 + randomInteger(random, height - top),
    };
  };
  const whole = size();
  const data = Uint8Array.from({ length: whole.width * whole.height * 3 }, () => random() * 256);
  const resized = size();
  const placement = { source: boxIn(whole), resized, crop: boxIn(resized), flip: random() < 0.5 };
  return { image: { ...whole, data }, placement };
}

/** Images so small that vectors reach beyond their rows: beyond their end only under sanitizers. */
function smallCases() {
  const sides = [1, 2, 3];
  const flip = false;
  return sides.flatMap((width) =>
    sides.map((height) => {
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => 9 * i);
      const source = { left: 0, top: 0, width, height };
      const crop = { left: 0, top: 0, width: 2, height: 4 };
      return { image: { data, width, height }, placement: { source, resized: crop, crop, flip } };
    }),
  );
}

test('native and reference agree to the bit', () => {
  const random = Array.from({ length: 400 }, (_, index) => randomCase(index));
  for (const { image, placement } of [...smallCases(), ...random]) {
    const [actual, expected] = kernels.map(([, resample]) => {
      const out = new Uint8Array(placement.crop.width * placement.crop.height * 3);
      resample(image, placement, out);
      return out;
    });
    expect(actual, JSON.stringify(placement)).toEqual(expected);
  }
});
