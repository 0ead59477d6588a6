import type { Affine, Pixels } from '../native_images.js';

/**
 * Transforms an image in place, each pixel taking the nearest one's value and black where there is
 * none: Pillow's `transform(..., AFFINE, matrix, NEAREST)` to the bit.
 */
export function transformNearest(image: Pixels, matrix: Affine): void {
  const [a, b, c, d, e, f] = matrix;
  const isScaling = b === 0 && d === 0;
  const source = image.data.slice();
  if (isScaling) scaleNearest(image, source, [a, c, e, f]);
  else fixedNearest(image, source, matrix);
}

function scaleNearest(
  { data, width, height }: Pixels,
  source: Uint8Array,
  [a, c, e, f]: readonly [number, number, number, number],
): void {
  const columns = positions(c + a * 0.5, a, width);
  const rows = positions(f + e * 0.5, e, height);
  data.fill(0);
  for (let y = 0, to = 0; y < height; y++) {
    const row = rows[y]!;
    for (let x = 0; x < width; x++, to += 3) {
      const column = columns[x]!;
      if (row >= 0 && column >= 0) copyPixel(source, (row * width + column) * 3, data, to);
    }
  }
}

/** Input positions along one axis; -1 outside. */
function positions(first: number, step: number, size: number): Int32Array {
  let position = first;
  return Int32Array.from({ length: size }, () => {
    const floor = Math.floor(position);
    position += step;
    return floor < 0 || floor >= size ? -1 : floor;
  });
}

/** In 16-bit fixed point, as Pillow does. */
function fixedNearest({ data, width, height }: Pixels, source: Uint8Array, matrix: Affine): void {
  const [a, b, c, d, e, f] = matrix;
  const fixed = (value: number) => Math.floor(value * 65536 + 0.5);
  const acrossX = fixed(a);
  const acrossY = fixed(d);
  let rowX = fixed(c + a * 0.5 + b * 0.5);
  let rowY = fixed(f + d * 0.5 + e * 0.5);
  data.fill(0);
  for (let row = 0, to = 0; row < height; row++) {
    let x = rowX;
    let y = rowY;
    for (let column = 0; column < width; column++, to += 3) {
      const fromX = x >> 16;
      const fromY = y >> 16;
      const isInside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      if (isInside) copyPixel(source, (fromY * width + fromX) * 3, data, to);
      x += acrossX;
      y += acrossY;
    }
    rowX += fixed(b);
    rowY += fixed(e);
  }
}

function copyPixel(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  target[to] = source[from]!;
  target[to + 1] = source[from + 1]!;
  target[to + 2] = source[from + 2]!;
}
