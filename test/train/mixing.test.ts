import { describe, expect, it } from 'vitest';
import { randomStream, symmetricBeta } from '../../src/random.js';
import { drawMix, mainLabels } from '../../src/train/mixing.js';

const place = { seed: 5, epoch: 2, batch: 7 };
const many = Array.from({ length: 4000 }, (_, batch) => ({ ...place, batch }));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('symmetricBeta', () => {
  // Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
  it.each([0.05, 0.2, 1, 5])('alpha %d has its mean and variance', (alpha) => {
    const random = randomStream(1, 2, 3);
    const values = Array.from({ length: 20000 }, () => symmetricBeta(random, alpha));
    const variance = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan((5 * Math.sqrt(variance)) / Math.sqrt(20000));
    expect(mean(values.map((value) => (value - 0.5) ** 2)) / variance).toBeCloseTo(1, 1);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
  });
});

describe('drawMix', () => {
  it('is nothing without an alpha', () => {
    expect(drawMix({ mixup: 0, cutmix: 0 }, place, 8, 32)).toBeUndefined();
  });

  it('permutes the batch, and is the same for the same place alone', () => {
    const options = { mixup: 0.2, cutmix: 1 };
    const mix = drawMix(options, place, 8, 32)!;
    expect([...mix.partners].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(drawMix(options, place, 8, 32)).toEqual(mix);
    for (const other of [{ seed: 6 }, { epoch: 3 }, { batch: 8 }])
      expect(drawMix(options, { ...place, ...other }, 8, 32)).not.toEqual(mix);
  });

  it('mixup takes a share of the whole image', () => {
    const mixes = many.map((where) => drawMix({ mixup: 1, cutmix: 0 }, where, 2, 32)!);
    for (const { share, weight, box } of mixes) {
      expect(weight).toBe(share);
      expect(box).toEqual({ top: 0, left: 0, height: 32, width: 32 });
    }
    const shares = mixes.map(({ share }) => share); // Beta(1, 1) is uniform
    expect(mean(shares)).toBeCloseTo(0.5, 1);
    expect(mean(shares.map((share) => Number(share < 0.25)))).toBeCloseTo(0.25, 1);
  });

  it('CutMix takes all of a box, and weighs the labels by its area', () => {
    const mixes = many.map((where) => drawMix({ mixup: 0, cutmix: 1 }, where, 2, 32)!);
    for (const { share, weight, box } of mixes) {
      expect(share).toBe(1);
      expect(weight).toBe((box.height * box.width) / 32 ** 2);
      expect(box.top + box.height).toBeLessThanOrEqual(32);
      expect(box.left + box.width).toBeLessThanOrEqual(32);
    }
    const centres = mixes.map(({ box }) => box.left + box.width / 2);
    expect(Math.abs(mean(centres) - 16)).toBeLessThan(0.5);
  });

  it('CutMix’s boxes have a uniform area before the borders cut them off', () => {
    // A side r is r - r^2 / 4 on average when it is cut: with r^2 uniform, an area of 77 / 240.
    const areas = many.map((where) => drawMix({ mixup: 0, cutmix: 1 }, where, 2, 1000)!.weight);
    expect(Math.abs(mean(areas) - 77 / 240)).toBeLessThan(0.02);
  });

  it('takes turns by a fair coin where both are wanted', () => {
    const cuts = many.map((where) => drawMix({ mixup: 1, cutmix: 1 }, where, 2, 32)!.share === 1);
    expect(Math.abs(mean(cuts.map(Number)) - 0.5)).toBeLessThan(0.04);
  });
});

it('mainLabels are those of larger weight', () => {
  const labels = Int32Array.from([4, 5, 6]);
  const box = { top: 0, left: 0, height: 1, width: 1 };
  const mix = { partners: [1, 2, 0], box, share: 1 };
  expect(mainLabels(labels, undefined)).toEqual(labels);
  expect(mainLabels(labels, { ...mix, weight: 0.5 })).toEqual(labels);
  expect(mainLabels(labels, { ...mix, weight: 0.51 })).toEqual(Int32Array.from([5, 6, 4]));
});
