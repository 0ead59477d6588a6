import { nearestAffine, rotation, shearing, translation } from './affine.js';
import type { Alteration } from './auto_augment.js';
import { adjustBrightness, adjustContrast, adjustSaturation } from './color_adjustments.js';
import type { Pixels } from '../native_images.js';
import { sharpen } from './sharpen.js';

type Alter = (image: Pixels, magnitude: number) => void;

/** What each alteration does, in place: torchvision's on Pillow images, to the bit. */
const alterations: Readonly<Record<Alteration['name'], Alter>> = {
  Identity: () => {},
  ShearX: (image, slope) => nearestAffine(image, shearing(slope, 0)),
  ShearY: (image, slope) => nearestAffine(image, shearing(0, slope)),
  TranslateX: (image, pixels) => nearestAffine(image, translation(image, Math.trunc(pixels), 0)),
  TranslateY: (image, pixels) => nearestAffine(image, translation(image, 0, Math.trunc(pixels))),
  Rotate: (image, degrees) => nearestAffine(image, rotation(image, degrees)),
  Brightness: ({ data }, amount) => adjustBrightness(data, 1 + amount),
  Color: ({ data }, amount) => adjustSaturation(data, 1 + amount),
  Contrast: ({ data }, amount) => adjustContrast(data, 1 + amount),
  Sharpness: (image, amount) => sharpen(image, 1 + amount),
  Posterize: ({ data }, bits) =>
    mapLevels(
      data,
      [0, 1, 2].map(() => posterized(bits)),
    ),
  Solarize: ({ data }, level) =>
    mapLevels(
      data,
      [0, 1, 2].map(() => solarized(level)),
    ),
  AutoContrast: ({ data }) => mapLevels(data, histograms(data).map(stretched)),
  Equalize: ({ data }) => mapLevels(data, histograms(data).map(equalized)),
};

/** Alters an image in place. */
export function alter(image: Pixels, { name, magnitude }: Alteration): void {
  alterations[name](image, magnitude);
}

/** For each channel the count of each level. */
function histograms(rgb: Uint8Array): Uint32Array[] {
  const counts = Array.from({ length: 3 }, () => new Uint32Array(256));
  const [red, green, blue] = counts as [Uint32Array, Uint32Array, Uint32Array];
  for (let p = 0; p < rgb.length; p += 3) {
    red[rgb[p]!]!++;
    green[rgb[p + 1]!]!++;
    blue[rgb[p + 2]!]!++;
  }
  return counts;
}

/** Replaces each level by what its channel's table says. */
function mapLevels(rgb: Uint8Array, tables: readonly Uint8Array[]): void {
  const [red, green, blue] = tables as [Uint8Array, Uint8Array, Uint8Array];
  for (let p = 0; p < rgb.length; p += 3) {
    rgb[p] = red[rgb[p]!]!;
    rgb[p + 1] = green[rgb[p + 1]!]!;
    rgb[p + 2] = blue[rgb[p + 2]!]!;
  }
}

function table(value: (level: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, level) => value(level));
}

/** Keeps the upper `bits` of eight. */
function posterized(bits: number): Uint8Array {
  return table((level) => level & -(2 ** (8 - bits)));
}

/** Inverts levels from `threshold` up. */
function solarized(threshold: number): Uint8Array {
  return table((level) => (level < threshold ? level : 255 - level));
}

/** The table that stretches a channel to all 256 levels. */
function stretched(histogram: Uint32Array): Uint8Array {
  const lowest = histogram.findIndex((count) => count > 0);
  const highest = histogram.findLastIndex((count) => count > 0);
  if (highest <= lowest) return table((level) => level);
  const scale = 255 / (highest - lowest);
  const offset = -lowest * scale;
  return table((level) => Math.min(255, Math.max(0, Math.trunc(level * scale + offset))));
}

/** The table that makes a channel's levels about equally frequent. */
function equalized(histogram: Uint32Array): Uint8Array {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  const last = histogram.findLast((count) => count > 0) ?? 0;
  const step = Math.floor((total - last) / 255);
  if (step === 0) return table((level) => level);
  let below = Math.floor(step / 2);
  return table((level) => {
    const value = Math.floor(below / step);
    below += histogram[level]!;
    return Math.min(255, value);
  });
}
