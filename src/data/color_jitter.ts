import { shuffle, uniform, type RandomStream } from '../random.js';
import { imageKernels } from './image_kernels.js';

const strength = 0.1;
const adjustments = [
  'adjustBrightness',
  'adjustContrast',
  'adjustSaturation',
  'adjustHue',
] as const;

/**
 * torchvision's ColorJitter on Pillow images, in place: varies brightness, contrast and saturation
 * by up to 10 % and hue by up to a tenth of a turn, in random order.
 */
export function colorJitter(rgb: Uint8Array, random: RandomStream): void {
  const kernels = imageKernels();
  const { order, factors } = drawColorJitter(random);
  for (const which of order) kernels[adjustments[which]!](rgb, factors[which]!);
}

/** One jitter: the order of brightness (0), contrast, saturation and hue (3), and the factor of each. */
export function drawColorJitter(random: RandomStream): { order: number[]; factors: number[] } {
  const order = shuffle([0, 1, 2, 3], random);
  const factors = [1, 1, 1, 0].map((middle) =>
    uniform(random, middle - strength, middle + strength),
  );
  return { order, factors };
}
