import type { Affine, Size } from '../native_images.js';

/** Shears by the given slopes about the upper left corner. */
export function shearing(slopeX: number, slopeY: number): Affine {
  // torchvision goes from slopes to degrees and back, and rounding can move a pixel.
  const [x, y] = [slopeX, slopeY].map((slope) => radians(degrees(Math.atan(slope))));
  return inverseAffine(x!, y!, { x: 0, y: 0 }, { x: 0, y: 0 });
}

/** Moves right and down by whole pixels. */
export function translation({ width, height }: Size, x: number, y: number): Affine {
  return inverseAffine(0, 0, { x: width * 0.5, y: height * 0.5 }, { x, y });
}

/** Turns counter-clockwise about the centre, as Pillow's `rotate`. */
export function rotation({ width, height }: Size, angle: number): Affine {
  const turned = -radians(((angle % 360) + 360) % 360);
  const cos = roundTo15(Math.cos(turned));
  const sin = roundTo15(Math.sin(turned));
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, cos * -x + sin * -y + 0 + x, -sin, cos, -sin * -x + cos * -y + 0 + y];
}

interface Point {
  x: number;
  y: number;
}

/** torchvision's matrix for angles of shear, in radians, about `center`, and a translation. */
function inverseAffine(shearX: number, shearY: number, center: Point, shift: Point): Affine {
  const a = Math.cos(-shearY) / Math.cos(shearY);
  const b = (-Math.cos(-shearY) * Math.tan(shearX)) / Math.cos(shearY);
  const c = Math.sin(-shearY) / Math.cos(shearY);
  const d = (-Math.sin(-shearY) * Math.tan(shearX)) / Math.cos(shearY) + 1;
  const [x, y] = [-center.x - shift.x, -center.y - shift.y];
  return [d, -b, d * x + -b * y + center.x, -c, a, -c * x + a * y + center.y];
}

function radians(angle: number): number {
  return angle * (Math.PI / 180);
}

function degrees(angle: number): number {
  return angle * (180 / Math.PI);
}

function roundTo15(value: number): number {
  return Number(value.toFixed(15));
}
