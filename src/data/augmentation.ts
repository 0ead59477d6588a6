import { reject } from '../errors.js';
import type { RandomStream } from '../random.js';
import { alter } from './alter.js';
import { magnitudeBins, randAugment, trivialAugment, type Alteration } from './auto_augment.js';
import { eraseRandomBox } from './random_erasing.js';
import type { Pixels } from '../native_images.js';

/** Policies that alter samples after crop and flip. */
export const randomAugments = ['none', 'rand_augment', 'trivial_augment'] as const;

/** How samples are varied beyond crop, flip and colour jitter. All of it is off by default. */
export interface Augmentation {
  randomAugment: (typeof randomAugments)[number];
  /** RandAugment: alterations per sample. */
  randAugmentOps: number;
  /** RandAugment: 0 to 30. */
  randAugmentMagnitude: number;
  /** Probability with which a random box of a sample is erased. */
  randomErasing: number;
}

/** Samples stay as crop, flip and jitter make them. */
export const noAugmentation: Augmentation = {
  randomAugment: 'none',
  randAugmentOps: 2,
  randAugmentMagnitude: 9,
  randomErasing: 0,
};

/** The policy's alterations, one after the other, in place. */
export function alterRandomly(image: Pixels, options: Augmentation, random: RandomStream): void {
  for (const alteration of drawAlterations(image, options, random)) alter(image, alteration);
}

function drawAlterations(
  image: Pixels,
  { randomAugment, randAugmentOps, randAugmentMagnitude }: Augmentation,
  random: RandomStream,
): Alteration[] {
  switch (randomAugment) {
    case 'none':
      return [];
    case 'rand_augment':
      return randAugment({ count: randAugmentOps, magnitude: randAugmentMagnitude }, image, random);
    case 'trivial_augment':
      return [trivialAugment(random)];
  }
}

/** Erases a random box, in place, where that is asked for; the last thing that happens to a sample. */
export function eraseRandomly(
  image: Pixels,
  { randomErasing }: Augmentation,
  random: RandomStream,
): void {
  if (randomErasing > 0) eraseRandomBox(image, randomErasing, random);
}

/** @throws InputError for an option out of range. */
export function checkAugmentation(options: Augmentation): void {
  const { randomAugment, randAugmentOps, randAugmentMagnitude, randomErasing } = options;
  if (!randomAugments.includes(randomAugment))
    reject('randomAugment', `one of ${randomAugments.join(', ')}`, randomAugment);
  if (!Number.isInteger(randAugmentOps) || randAugmentOps < 1)
    reject('randAugmentOps', 'a positive integer', randAugmentOps);
  const largest = magnitudeBins - 1;
  if (!(
    Number.isInteger(randAugmentMagnitude) &&
    randAugmentMagnitude >= 0 &&
    randAugmentMagnitude <= largest
  ))
    reject('randAugmentMagnitude', `an integer from 0 to ${largest}`, randAugmentMagnitude);
  if (!(randomErasing >= 0 && randomErasing <= 1))
    reject('randomErasing', 'a probability between 0 and 1', randomErasing);
}
