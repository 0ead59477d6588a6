import type { Mix } from '../ops/normalize_images.js';
import {
  randomInteger,
  randomStream,
  shuffle,
  symmetricBeta,
  type RandomStream,
} from '../random.js';

/** Parameters of the Beta distributions that shares are drawn from; 0: not used. */
export interface MixingOptions {
  mixup: number;
  cutmix: number;
}

/** A mix of a batch's images, and of their labels alike. */
export interface BatchMix extends Mix {
  /** The partner's share of the pixels, hence of the target. */
  weight: number;
}

/** Random streams count down from here, batch by batch; samples use the streams from 0 up. */
const firstStream = 2 ** 32 - 2;

/**
 * Draws how a batch is mixed, as a function of seed, epoch and batch alone. Partners are a random
 * permutation, the share is one for the batch, and of two ways one is chosen with probability ½.
 * @param batch its number in the epoch, from 0
 * @param images how many there are
 * @param size their height and width, in pixels
 */
export function drawMix(
  { mixup, cutmix }: MixingOptions,
  place: { seed: number; epoch: number; batch: number },
  images: number,
  size: number,
): BatchMix | undefined {
  if (mixup === 0 && cutmix === 0) return undefined;
  const random = randomStream(place.seed, place.epoch, firstStream - place.batch);
  const cut = mixup === 0 || (cutmix > 0 && random() < 0.5);
  const partners = shuffle([...Array(images).keys()], random);
  const kept = symmetricBeta(random, cut ? cutmix : mixup);
  if (!cut) {
    const box = { top: 0, left: 0, height: size, width: size };
    return { partners, box, share: 1 - kept, weight: 1 - kept };
  }
  const box = cutBox(kept, size, random);
  return { partners, box, share: 1, weight: (box.height * box.width) / size ** 2 };
}

/**
 * A box of about 1 - `kept` of the area, around a random pixel, cut off at the borders.
 * @see Yun et al., "CutMix", arXiv:1905.04899
 */
function cutBox(kept: number, size: number, random: RandomStream): Mix['box'] {
  const half = Math.floor((size * Math.sqrt(1 - kept)) / 2);
  const span = () => {
    const centre = randomInteger(random, size);
    const from = Math.max(centre - half, 0);
    return { from, length: Math.min(centre + half, size) - from };
  };
  const across = span();
  const down = span();
  return { top: down.from, left: across.from, height: down.length, width: across.length };
}

/** The labels that outweigh the others: what a mixture is to be recognised as. */
export function mainLabels(labels: Int32Array, mix: BatchMix | undefined): Int32Array {
  if (!mix || mix.weight <= 0.5) return labels;
  return Int32Array.from(mix.partners, (partner) => labels[partner]!);
}
