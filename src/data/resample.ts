import type { Pixels, Placement } from '../native_images.js';

/** For each output position along one axis: the first input it reads, and how many with which weights. */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  weights: Int32Array;
  /** Weights per output position, `weights` being padded to it. */
  stride: number;
}

const fractionBits = 22;
const half = 1 << (fractionBits - 1);
let rows = new Uint8Array(0);

/**
 * `resample` of the image kernels where no native binary loads, and what tests compare the native
 * one with. Crops, resizes and flips into `out` (`[crop.height, crop.width, 3]`), bit for bit as
 * Pillow's `resize(..., BILINEAR)`: a triangle filter widened when
 * shrinking (antialiasing), horizontally and then vertically, in 22-bit fixed point
 * with 8-bit pixels in between. Only the rows and columns that `crop` needs are made.
 */
export function resample(image: Pixels, placement: Placement, out: Uint8Array): void {
  const { source, resized, crop, flip } = placement;
  const across = makeTaps(source.width, resized.width, crop.left, crop.width);
  const down = makeTaps(source.height, resized.height, crop.top, crop.height);
  if (flip) mirror(across);
  const top = down.first[0]!;
  const bottom = down.first[crop.height - 1]! + down.count[crop.height - 1]!;
  const needed = (bottom - top) * crop.width * 3;
  if (rows.length < needed) rows = new Uint8Array(needed);
  resampleRows(image, source.left, source.top + top, bottom - top, across, rows);
  resampleColumns(rows, crop.width * 3, top, down, out);
}

function makeTaps(inputSize: number, outputSize: number, from: number, count: number): Taps {
  const scale = inputSize / outputSize;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const taps: Taps = {
    first: new Int32Array(count),
    count: new Int32Array(count),
    weights: new Int32Array(count * stride),
    stride,
  };
  const triangle = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const center = (from + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const length = Math.min(inputSize, Math.trunc(center + support + 0.5)) - first;
    let total = 0;
    for (let k = 0; k < length; k++) {
      triangle[k] = Math.max(0, 1 - Math.abs((k + first - center + 0.5) * (1 / support)));
      total += triangle[k]!;
    }
    for (let k = 0; k < length; k++) {
      taps.weights[i * stride + k] = Math.trunc(0.5 + (triangle[k]! / total) * 2 ** fractionBits);
    }
    taps.first[i] = first;
    taps.count[i] = length;
  }
  return taps;
}

function mirror(taps: Taps): void {
  taps.first.reverse();
  taps.count.reverse();
  const { weights, stride } = taps;
  const old = weights.slice();
  for (let from = 0, to = old.length - stride; to >= 0; from += stride, to -= stride) {
    weights.set(old.subarray(from, from + stride), to);
  }
}

function resampleRows(
  image: Pixels,
  left: number,
  top: number,
  height: number,
  { first, count, weights, stride }: Taps,
  out: Uint8Array,
): void {
  const { data, width } = image;
  let o = 0;
  for (let y = 0; y < height; y++) {
    const row = (top + y) * width + left;
    for (let x = 0; x < first.length; x++) {
      let p = (row + first[x]!) * 3;
      let red = half;
      let green = half;
      let blue = half;
      const end = x * stride + count[x]!;
      for (let k = x * stride; k < end; k++, p += 3) {
        const weight = weights[k]!;
        red += Math.imul(data[p]!, weight);
        green += Math.imul(data[p + 1]!, weight);
        blue += Math.imul(data[p + 2]!, weight);
      }
      out[o++] = red >> fractionBits;
      out[o++] = green >> fractionBits;
      out[o++] = blue >> fractionBits;
    }
  }
}

/** `rowLength` bytes per row; the first row of `data` is row `top` of the taps' input. */
function resampleColumns(
  data: Uint8Array,
  rowLength: number,
  top: number,
  { first, count, weights, stride }: Taps,
  out: Uint8Array,
): void {
  for (let y = 0; y < first.length; y++) {
    const begin = (first[y]! - top) * rowLength;
    const end = y * stride + count[y]!;
    for (let x = 0; x < rowLength; x++) {
      let sum = half;
      for (let k = y * stride, p = begin + x; k < end; k++, p += rowLength) {
        sum += Math.imul(data[p]!, weights[k]!);
      }
      out[y * rowLength + x] = sum >> fractionBits;
    }
  }
}
