import { describe, expect, test } from 'vitest';
import { drawColorJitter } from '../../src/data/color_jitter.js';
import {
  alterations,
  magnitudeBins,
  randAugment,
  randAugmentSpace,
  trivialAugment,
  trivialAugmentSpace,
  type Alteration,
} from '../../src/data/auto_augment.js';
import { eraseRandomBox, randomErasingBox } from '../../src/data/random_erasing.js';
import type { Box, Size } from '../../src/native_images.js';
import { findTransform } from '../../src/data/transforms.js';
import { randomStream } from '../../src/random.js';
import { expectDistribution, torchvision } from './torchvision_reference.js';

const draws = 20_000;
const { distributions } = torchvision;

/** `draws` results of fixed streams: these tests always see the same numbers. */
function sample<T>(draw: (random: () => number) => T): T[] {
  return Array.from({ length: draws }, (_, index) => draw(randomStream(11, 0, index)));
}

function expectBoxes(boxes: Box[], image: Size, ratio: (box: Box) => number, name: string): void {
  const reference = distributions[name]!;
  const column = (value: (box: Box) => number) => boxes.map(value);
  const area = image.width * image.height;
  expectDistribution(
    column((box) => box.left),
    reference.left!,
  );
  expectDistribution(
    column((box) => box.top),
    reference.top!,
  );
  expectDistribution(
    column(({ width, height }) => (width * height) / area),
    reference.area!,
  );
  expectDistribution(column(ratio), reference.ratio!);
}

/** Expects a share to be `probability` but for chance: five standard deviations. */
function expectShare(count: number, total: number, probability: number): void {
  const deviation = Math.sqrt((probability * (1 - probability)) / total);
  expect(Math.abs(count / total - probability)).toBeLessThan(5 * deviation);
}

describe('crops and flips are distributed as in torchvision', () => {
  const image = { width: 500, height: 375 };
  const crops = ['more_aggressive', 'aggressive', 'less_aggressive'];

  test.each(crops.flatMap((name) => [name, `${name}_with_color_jitter`]))('%s', (name) => {
    const placements = sample((random) => findTransform(name).place(image, 224, random));
    const boxes = placements.map(({ source }) => source);
    const base = name.replace('_with_color_jitter', '');
    expectBoxes(boxes, image, ({ width, height }) => width / height, base);
    expectShare(placements.filter(({ flip }) => flip).length, draws, 0.5);
  });

  test.each(['conservative', 'conservative_with_color_jitter'])('%s', (name) => {
    const placements = sample((random) => findTransform(name).place(image, 224, random));
    const reference = distributions.conservative!;
    expectDistribution(
      placements.map(({ crop }) => crop.left),
      reference.left!,
    );
    expectDistribution(
      placements.map(({ crop }) => crop.top),
      reference.top!,
    );
    expectShare(placements.filter(({ flip }) => flip).length, draws, 0.5);
  });

  test('a flip says nothing about the box, nor left about top', () => {
    const placements = sample((random) => findTransform('aggressive').place(image, 224, random));
    const free = placements.filter(({ source }) => source.width < 450 && source.height < 340);
    const left = free.map(({ source }) => source.left / (500 - source.width));
    const top = free.map(({ source }) => source.top / (375 - source.height));
    const flip = free.map((placement) => Number(placement.flip));
    for (const [a, b] of [
      [left, top],
      [left, flip],
      [top, flip],
    ] as const) {
      expect(Math.abs(correlation(a, b))).toBeLessThan(5 / Math.sqrt(free.length));
    }
  });
});

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
    mean(x.map((value, i) => (value - mx) * (y[i]! - my)));
  const spread = Math.sqrt(covariance(a, meanA, a, meanA) * covariance(b, meanB, b, meanB));
  return covariance(a, meanA, b, meanB) / spread;
}

describe('colour jitter', () => {
  const jitters = sample(drawColorJitter);

  test.each(['brightness', 'contrast', 'saturation', 'hue'])('%s', (name) => {
    const which = ['brightness', 'contrast', 'saturation', 'hue'].indexOf(name);
    const factors = jitters.map(({ factors }) => factors[which]!);
    expectDistribution(factors, distributions.color_jitter![name]!);
  });

  test('every order is equally likely', () => {
    const orders = jitters.map(({ order }) => order.join(''));
    expect(new Set(orders).size).toBe(24);
    for (const order of new Set(orders))
      expectShare(orders.filter((other) => other === order).length, draws, 1 / 24);
  });
});

describe('automatic augmentation', () => {
  const size = { width: 224, height: 224 };
  const signed = alterations.filter((name) => trivialAugmentSpace[name]?.signed);

  function expectBothSigns(drawn: Alteration[]): void {
    const magnitudes = drawn
      .filter(({ name }) => signed.includes(name))
      .map((one) => one.magnitude);
    const negative = magnitudes.filter((magnitude) => magnitude < 0).length;
    expectShare(negative, magnitudes.filter((magnitude) => magnitude !== 0).length, 0.5);
  }

  test('RandAugment draws every alteration evenly, and half of the magnitudes are negative', () => {
    const pairs = sample((random) => randAugment({ count: 2, magnitude: 9 }, size, random));
    expect(pairs.every((pair) => pair.length === 2)).toBe(true);
    const space = randAugmentSpace(size);
    for (const place of [0, 1]) {
      for (const name of alterations) {
        const drawn = pairs.map((pair) => pair[place]!).filter((one) => one.name === name);
        expectShare(drawn.length, draws, 1 / alterations.length);
        const magnitudes = drawn.map(({ magnitude }) => Math.abs(magnitude));
        expect(new Set(magnitudes)).toEqual(new Set([space[name]?.at(9) ?? 0]));
      }
    }
    expectBothSigns(pairs.flat());
    const same = pairs.filter(([first, second]) => first!.name === second!.name);
    expectShare(same.length, draws, 1 / alterations.length);
  });

  test('TrivialAugment draws alterations and magnitudes evenly', () => {
    const drawn = sample(trivialAugment);
    for (const name of alterations) {
      const range = trivialAugmentSpace[name];
      const magnitudes = drawn.filter((one) => one.name === name).map((one) => one.magnitude);
      expectShare(magnitudes.length, draws, 1 / alterations.length);
      if (!range) {
        expect(new Set(magnitudes)).toEqual(new Set([0]));
        continue;
      }
      const bins = Array.from({ length: magnitudeBins }, (_, bin) => range.at(bin));
      const share = (value: number) => bins.filter((bin) => bin === value).length / bins.length;
      for (const value of new Set(bins)) {
        const count = magnitudes.filter((magnitude) => Math.abs(magnitude) === value).length;
        expectShare(count, magnitudes.length, share(value));
      }
    }
    expectBothSigns(drawn);
  });
});

describe('random erasing', () => {
  test('boxes', () => {
    const image = { width: 224, height: 224 };
    const boxes = sample((random) => randomErasingBox(image, random)!);
    expectBoxes(boxes, image, ({ width, height }) => width / height, 'random_erasing');
  });

  test('happens with the given probability', () => {
    const changed = sample((random) => {
      const image = { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8 };
      eraseRandomBox(image, 0.3, random);
      return image.data.some((value) => value !== 0);
    });
    expectShare(changed.filter(Boolean).length, draws, 0.3);
  });
});
