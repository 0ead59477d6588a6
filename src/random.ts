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
