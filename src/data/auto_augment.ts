import { randomInteger, type RandomStream } from '../random.js';
import type { Size } from '../native_images.js';
import { roundHalfEven } from './transforms.js';

/*
 * RandAugment (Cubuk et al., arXiv:1909.13719) and TrivialAugment Wide (Müller and Hutter,
 * arXiv:2103.10158) as torchvision has them:
 * https://github.com/pytorch/vision/blob/main/torchvision/transforms/autoaugment.py
 */

/** What may be done to an image, in torchvision's order, from which one is drawn evenly. */
export const alterations = [
  'Identity',
  'ShearX',
  'ShearY',
  'TranslateX',
  'TranslateY',
  'Rotate',
  'Brightness',
  'Color',
  'Contrast',
  'Sharpness',
  'Posterize',
  'Solarize',
  'AutoContrast',
  'Equalize',
] as const;

export type AlterationName = (typeof alterations)[number];

/** One thing to be done to an image. */
export interface Alteration {
  name: AlterationName;
  /**
   * Shear: the slope; translation: pixels; rotation: degrees, counter-clockwise; the four
   * enhancements: the factor less 1; Posterize: bits kept; Solarize: the level from which values
   * are inverted; 0 for the others.
   */
  magnitude: number;
}

/** Magnitudes come in this many steps. */
export const magnitudeBins = 31;

/** How an alteration's magnitudes are spread over the bins. */
interface Range {
  at(bin: number): number;
  /** Whether half of the draws are negative. */
  signed: boolean;
}

type Space = Readonly<Record<AlterationName, Range | undefined>>;

/** `count` alterations of the given magnitude (0 to 30), drawn evenly, for an image of `size`. */
export function randAugment(
  { count, magnitude }: { count: number; magnitude: number },
  size: Size,
  random: RandomStream,
): Alteration[] {
  const space = randAugmentSpace(size);
  return Array.from({ length: count }, () => draw(space, () => magnitude, random));
}

/** One alteration, drawn evenly, of a magnitude drawn evenly. */
export function trivialAugment(random: RandomStream): Alteration {
  return draw(trivialAugmentSpace, () => randomInteger(random, magnitudeBins), random);
}

function draw(space: Space, bin: () => number, random: RandomStream): Alteration {
  const name = alterations[randomInteger(random, alterations.length)]!;
  const range = space[name];
  if (range === undefined) return { name, magnitude: 0 };
  const magnitude = range.at(bin());
  return { name, magnitude: range.signed && random() < 0.5 ? -magnitude : magnitude };
}

/** RandAugment's magnitudes for an image of `size`. */
export function randAugmentSpace({ width, height }: Size): Space {
  const enhancement = signed(0.9);
  return makeSpace({
    shear: signed(0.3),
    translateX: signed((150 / 331) * width),
    translateY: signed((150 / 331) * height),
    rotate: signed(30),
    enhancement,
    bitsDropped: 4,
  });
}

/** TrivialAugment Wide's magnitudes. */
export const trivialAugmentSpace: Space = makeSpace({
  shear: signed(0.99),
  translateX: signed(32),
  translateY: signed(32),
  rotate: signed(135),
  enhancement: signed(0.99),
  bitsDropped: 6,
});

function makeSpace(ranges: {
  shear: Range;
  translateX: Range;
  translateY: Range;
  rotate: Range;
  enhancement: Range;
  bitsDropped: number;
}): Space {
  const { shear, rotate, enhancement, bitsDropped } = ranges;
  return {
    Identity: undefined,
    ShearX: shear,
    ShearY: shear,
    TranslateX: ranges.translateX,
    TranslateY: ranges.translateY,
    Rotate: rotate,
    Brightness: enhancement,
    Color: enhancement,
    Contrast: enhancement,
    Sharpness: enhancement,
    Posterize: posterize(bitsDropped),
    Solarize: { at: linear(255, 0), signed: false },
    AutoContrast: undefined,
    Equalize: undefined,
  };
}

function signed(largest: number): Range {
  return { at: linear(0, largest), signed: true };
}

/** Evenly spaced over the bins, rounded to float32. */
function linear(first: number, last: number): (bin: number) => number {
  return (bin) => Math.fround(first + ((last - first) * bin) / (magnitudeBins - 1));
}

/** Bits kept: from 8 down to `8 - dropped`. */
function posterize(dropped: number): Range {
  const at = (bin: number) => 8 - roundHalfEven(bin / ((magnitudeBins - 1) / dropped));
  return { at, signed: false };
}
