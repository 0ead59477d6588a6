import { expect, test } from 'vitest';
import { randomInteger, randomStream, shuffle } from '../src/random.js';

test('streams of neighbouring keys are uniform and uncorrelated', () => {
  const first = (seed: number, epoch: number, index: number) => randomStream(seed, epoch, index)();
  for (const stream of [
    (i: number) => first(i, 0, 0),
    (i: number) => first(0, i, 0),
    (i: number) => first(0, 0, i),
    (i: number) => first(i * 2 ** 32, 0, 0),
  ]) {
    const draws = Array.from({ length: 20_000 }, (_, i) => stream(i));
    const counts = new Array<number>(20).fill(0);
    for (const draw of draws) counts[Math.floor(draw * 20)]!++;
    // Chi-square with 19 degrees of freedom: 99.99 % lie below 51.
    const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(51);
    let product = 0;
    for (let i = 1; i < draws.length; i++) product += (draws[i - 1]! - 0.5) * (draws[i]! - 0.5);
    expect(Math.abs((product / draws.length) * 12)).toBeLessThan(4 / Math.sqrt(draws.length));
  }
});

test('the same key gives the same numbers', () => {
  const draw = () => Array.from({ length: 5 }, randomStream(7, 8, 9));
  expect(draw()).toEqual(draw());
  expect(new Set(draw()).size).toBe(5);
});

test('integers and shuffles reach every outcome about equally often', () => {
  const random = randomStream(1, 1, 1);
  const places = Array.from({ length: 4 }, () => new Array<number>(4).fill(0));
  const integers = new Array<number>(3).fill(0);
  for (let n = 0; n < 8000; n++) {
    for (const [place, value] of shuffle([0, 1, 2, 3], random).entries()) places[place]![value]!++;
    integers[randomInteger(random, 3)]!++;
  }
  for (const count of places.flat()) expect(Math.abs(count - 2000)).toBeLessThan(160);
  for (const count of integers) expect(Math.abs(count - 8000 / 3)).toBeLessThan(180);
});
