import { findNative } from '../native.js';
import type { ImageKernels } from '../native_images.js';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
} from './color_adjustments.js';
import { countLevels, mapLevels } from './levels.js';
import { resample } from './resample.js';
import { sharpen } from './sharpen.js';
import { transformNearest } from './transform_nearest.js';

/** The kernels in JavaScript. */
export const referenceKernels: ImageKernels = {
  resample,
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustHue,
  transformNearest,
  sharpen,
  countLevels,
  mapLevels,
};

/** The native kernels or, where no binary loads, those in JavaScript: with the same results. */
export function imageKernels(): ImageKernels {
  return findNative()?.images ?? referenceKernels;
}
