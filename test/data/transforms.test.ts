import { expect, test } from 'vitest';
import { randomStream } from '../../src/random.js';
import type { Box, Size } from '../../src/native_images.js';
import { findTransform, roundHalfEven, transforms } from '../../src/data/transforms.js';
import { InputError } from '../../src/errors.js';

const draws = 20_000;

function place(name: string, image: Size, index = 0, imageSize = 224) {
  return findTransform(name).place(image, imageSize, randomStream(3, 4, index));
}

function sample(name: string, image: Size) {
  return Array.from({ length: draws }, (_, index) => place(name, image, index));
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const contains = (outer: Size, { left, top, width, height }: Box) =>
  left >= 0 && top >= 0 && left + width <= outer.width && top + height <= outer.height;

test('every published transform has its name', () => {
  const published = ['more_aggressive', 'aggressive', 'less_aggressive', 'conservative'];
  const names = published.flatMap((name) => [name, `${name}_with_color_jitter`]);
  expect([...transforms.keys()]).toEqual(['evaluate', ...names]);
  for (const [name, { colorJitter }] of transforms)
    expect(colorJitter).toBe(name.endsWith('jitter'));
  expect(() => findTransform('agressive')).toThrow(InputError);
  expect(() => findTransform('agressive')).toThrow(/transform: .*aggressive.*got "agressive"/);
});

test.each([
  // [width, height] -> resized and the corner of the crop, as torchvision has them
  [{ width: 451, height: 300 }, { width: 384, height: 256 }, 80, 16],
  [{ width: 512, height: 600 }, { width: 256, height: 300 }, 16, 38],
  [{ width: 500, height: 333 }, { width: 384, height: 256 }, 80, 16],
  [{ width: 225, height: 224 }, { width: 257, height: 256 }, 16, 16],
  [{ width: 100, height: 101 }, { width: 256, height: 258 }, 16, 17],
])('evaluation: the centre of %o', (image, resized, left, top) => {
  const placement = place('evaluate', image);
  expect(placement).toEqual({
    source: { left: 0, top: 0, ...image },
    resized,
    crop: { left, top, width: 224, height: 224 },
    flip: false,
  });
});

test('evaluation at other sizes keeps the proportion 256 to 224', () => {
  expect(place('evaluate', { width: 64, height: 64 }, 0, 64).resized).toEqual({
    width: 73,
    height: 73,
  });
  expect(place('evaluate', { width: 300, height: 200 }, 0, 160).resized.height).toBe(183);
});

test.each([
  ['more_aggressive', 0.08],
  ['aggressive', 0.36],
  ['less_aggressive', 0.64],
  ['aggressive_with_color_jitter', 0.36],
])('%s: random boxes of at least %f of the area', (name, smallest) => {
  const image = { width: 1000, height: 1000 };
  const placements = sample(name, image);
  const boxes = placements.map(({ source }) => source);
  const shares = boxes.map(({ width, height }) => (width * height) / 1e6);
  const logRatios = boxes.map(({ width, height }) => Math.log(width / height));
  expect(boxes.every((box) => contains(image, box))).toBe(true);
  expect(Math.min(...shares)).toBeGreaterThan(smallest - 0.002);
  expect(Math.min(...shares)).toBeLessThan(smallest + 0.01);
  expect(Math.max(...logRatios.map(Math.abs))).toBeLessThan(Math.log(4 / 3) + 0.01);
  expect(Math.max(...logRatios)).toBeGreaterThan(Math.log(4 / 3) - 0.02);
  expect(Math.abs(mean(logRatios))).toBeLessThan(0.006);
  // Below half of the area every aspect ratio fits, so nothing is drawn again: uniform.
  const small = shares.filter((share) => share < 0.56);
  if (smallest < 0.56) expect(Math.abs(mean(small) - (smallest + 0.56) / 2)).toBeLessThan(0.005);
  // Ten attempts hardly ever fail all.
  expect(shares.filter((share) => share === 1).length).toBeLessThan(12);
  const free = boxes.filter(({ width }) => width < 950);
  expect(Math.abs(mean(free.map((box) => box.left / (1000 - box.width))) - 0.5)).toBeLessThan(0.02);
  expect(Math.abs(mean(placements.map(({ flip }) => Number(flip))) - 0.5)).toBeLessThan(0.015);
  expect(placements[0]!.resized).toEqual({ width: 224, height: 224 });
});

test('extreme shapes fall back to the largest central box of an admissible ratio', () => {
  expect(place('less_aggressive', { width: 1000, height: 10 }).source).toEqual({
    left: 493,
    top: 0,
    width: 13,
    height: 10,
  });
  expect(place('less_aggressive', { width: 30, height: 900 }).source).toEqual({
    left: 0,
    top: 430,
    width: 30,
    height: 40,
  });
  expect(place('aggressive', { width: 1, height: 1 }).source).toMatchObject({
    width: 1,
    height: 1,
  });
});

test('conservative: shorter side to 256, then any crop', () => {
  const placements = sample('conservative', { width: 500, height: 333 });
  const resized = { width: 384, height: 256 };
  expect(placements.every((p) => p.resized.width === 384 && p.resized.height === 256)).toBe(true);
  expect(placements.every(({ crop }) => contains(resized, crop))).toBe(true);
  const lefts = placements.map(({ crop }) => crop.left);
  const tops = new Set(placements.map(({ crop }) => crop.top));
  expect(Math.min(...lefts)).toBe(0);
  expect(Math.max(...lefts)).toBe(160);
  expect(Math.abs(mean(lefts) - 80)).toBeLessThan(1.5);
  expect(tops.size).toBe(33);
  expect(Math.abs(mean(placements.map(({ flip }) => Number(flip))) - 0.5)).toBeLessThan(0.015);
});

test("halves are rounded as Python's round does", () => {
  expect([0.5, 1.5, 2.5, 2.4, 2.6, 16.5, 17.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, 3, 16, 18]);
});
