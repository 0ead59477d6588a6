import { blend } from './color_adjustments.js';
import type { Pixels } from '../native_images.js';

let smooth = new Uint8Array(0);
/** Sums of three values below one another. */
let sums = new Uint16Array(0);

/**
 * Blends an image with its smoothed self, in place, as Pillow's `ImageEnhance.Sharpness`: factor 0
 * smooths, 1 changes nothing, more sharpens. The outermost pixels stay as they are.
 */
export function sharpen({ data, width, height }: Pixels, factor: number): void {
  const alpha = Math.fround(factor);
  const rowBytes = width * 3;
  if (smooth.length < data.length) smooth = new Uint8Array(data.length);
  if (sums.length < rowBytes) sums = new Uint16Array(rowBytes);
  for (let y = 1; y < height - 1; y++) smoothRow(data, y * rowBytes, rowBytes);
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * rowBytes - 3;
    for (let p = y * rowBytes + 3; p < end; p++) data[p] = blend(smooth[p]!, data[p]!, alpha);
  }
}

/** 2^18 / 13, rounded up: divides sums of nine bytes by 13 exactly. */
const thirteenth = 20165;

/** Pillow's SMOOTH: the mean of nine values, the middle one counting five times, rounded. */
function smoothRow(data: Uint8Array, row: number, rowBytes: number): void {
  for (let i = 0, p = row; i < rowBytes; i++, p++) {
    sums[i] = data[p - rowBytes]! + data[p]! + data[p + rowBytes]!;
  }
  for (let i = 3, p = row + 3; i < rowBytes - 3; i++, p++) {
    const sum = sums[i - 3]! + sums[i]! + sums[i + 3]! + 4 * data[p]!;
    smooth[p] = ((sum + 6) * thirteenth) >>> 18;
  }
}
