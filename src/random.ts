/** Draws the next number, uniform in [0, 1). */
export type RandomStream = () => number;

/**
 * An independent stream of random numbers for one sample of one epoch, so that
 * what a sample draws does not depend on who decodes it, nor when. The generator
 * is sfc32 (Doty-Humphrey, PractRand) keyed with the three numbers, which it
 * mixes for 15 rounds before the first draw.
 */
export function randomStream(seed: number, epoch: number, index: number): RandomStream {
  let a = seed >>> 0;
  let b = epoch >>> 0;
  let c = index >>> 0;
  let counter = Math.floor(seed / 2 ** 32) + 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 15; round++) next();
  return next;
}

/** A number uniform in [low, high). */
export function uniform(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random();
}

/** An integer uniform in 0..count - 1. */
export function randomInteger(random: RandomStream, count: number): number {
  return Math.floor(random() * count);
}

/** Shuffles in place (Fisher-Yates) and returns its argument. */
export function shuffle<T extends Uint32Array | number[]>(values: T, random: RandomStream): T {
  for (let last = values.length - 1; last > 0; last--) {
    const other = randomInteger(random, last + 1);
    const value = values[last]!;
    values[last] = values[other]!;
    values[other] = value;
  }
  return values;
}

/** Beta(alpha, alpha) on [0, 1]: the share of one of two Gamma(alpha) numbers in their sum. */
export function symmetricBeta(random: RandomStream, alpha: number): number {
  const difference = logGamma(random, alpha) - logGamma(random, alpha);
  return 1 / (1 + Math.exp(difference));
}

/**
 * The logarithm of a number from Gamma(shape), which underflows for small shapes.
 * @see Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000
 */
function logGamma(random: RandomStream, shape: number): number {
  if (shape < 1) return logGamma(random, shape + 1) + Math.log(1 - random()) / shape;
  const d = shape - 1 / 3;
  for (;;) {
    const x = standardNormal(random);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random()) < x ** 2 / 2 + d - d * v + d * Math.log(v))
      return Math.log(d * v);
  }
}

/** Box-Muller. */
function standardNormal(random: RandomStream): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
