import type { ImageKernels, Pixels } from '../native_images.js';
import { rotation, shearing, translation } from './affine.js';
import type { Alteration } from './auto_augment.js';
import { imageKernels } from './image_kernels.js';

type Alter = (image: Pixels, magnitude: number, kernels: ImageKernels) => void;

/** What each alteration does, in place: torchvision's on Pillow images, to the bit. */
const alterations: Readonly<Record<Alteration['name'], Alter>> = {
  Identity: () => {},
  ShearX: (image, slope, kernels) => kernels.transformNearest(image, shearing(slope, 0)),
  ShearY: (image, slope, kernels) => kernels.transformNearest(image, shearing(0, slope)),
  TranslateX: (image, pixels, kernels) =>
    kernels.transformNearest(image, translation(image, Math.trunc(pixels), 0)),
  TranslateY: (image, pixels, kernels) =>
    kernels.transformNearest(image, translation(image, 0, Math.trunc(pixels))),
  Rotate: (image, degrees, kernels) => kernels.transformNearest(image, rotation(image, degrees)),
  Brightness: ({ data }, amount, kernels) => kernels.adjustBrightness(data, 1 + amount),
  Color: ({ data }, amount, kernels) => kernels.adjustSaturation(data, 1 + amount),
  Contrast: ({ data }, amount, kernels) => kernels.adjustContrast(data, 1 + amount),
  Sharpness: (image, amount, kernels) => kernels.sharpen(image, 1 + amount),
  Posterize: ({ data }, bits, kernels) => kernels.mapLevels(data, posterized(bits)),
  Solarize: ({ data }, level, kernels) => kernels.mapLevels(data, solarized(level)),
  AutoContrast: ({ data }, _, kernels) => mapByHistogram(data, kernels, stretched),
  Equalize: ({ data }, _, kernels) => mapByHistogram(data, kernels, equalized),
};

/** Alters an image in place. */
export function alter(
  image: Pixels,
  { name, magnitude }: Alteration,
  kernels = imageKernels(),
): void {
  alterations[name](image, magnitude, kernels);
}

/** Maps each channel's levels by a table made from how often it has them. */
function mapByHistogram(
  rgb: Uint8Array,
  kernels: ImageKernels,
  makeTable: (histogram: Uint32Array) => Uint8Array,
): void {
  const counts = new Uint32Array(3 * 256);
  kernels.countLevels(rgb, counts);
  const table = new Uint8Array(3 * 256);
  for (const begin of [0, 256, 512]) {
    table.set(makeTable(counts.subarray(begin, begin + 256)), begin);
  }
  kernels.mapLevels(rgb, table);
}

/** One channel's table, or that of all three. */
function levels(value: (level: number) => number, channels = 1): Uint8Array {
  return Uint8Array.from({ length: channels * 256 }, (_, i) => value(i & 255));
}

/** Keeps the upper `bits` of eight. */
function posterized(bits: number): Uint8Array {
  return levels((level) => level & -(2 ** (8 - bits)), 3);
}

/** Inverts levels from `threshold` up. */
function solarized(threshold: number): Uint8Array {
  return levels((level) => (level < threshold ? level : 255 - level), 3);
}

/** The table that stretches a channel to all 256 levels. */
function stretched(histogram: Uint32Array): Uint8Array {
  const lowest = histogram.findIndex((count) => count > 0);
  const highest = histogram.findLastIndex((count) => count > 0);
  if (highest <= lowest) return levels((level) => level);
  const scale = 255 / (highest - lowest);
  const offset = -lowest * scale;
  return levels((level) => Math.min(255, Math.max(0, Math.trunc(level * scale + offset))));
}

/** The table that makes a channel's levels about equally frequent. */
function equalized(histogram: Uint32Array): Uint8Array {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  const last = histogram.findLast((count) => count > 0) ?? 0;
  const step = Math.floor((total - last) / 255);
  if (step === 0) return levels((level) => level);
  let below = Math.floor(step / 2);
  return levels((level) => {
    const value = Math.floor(below / step);
    below += histogram[level]!;
    return Math.min(255, value);
  });
}
