/**
 * Signed distance from a point to a shape's outline, negative inside; the shape is
 * about 2 wide around the origin. Formulas after Inigo Quilez,
 * https://iquilezles.org/articles/distfunctions2d/.
 */
export type Shape = (x: number, y: number) => number;

const circle: Shape = (x, y) => Math.hypot(x, y) - 1;

const ring: Shape = (x, y) => Math.abs(Math.hypot(x, y) - 0.75) - 0.25;

const crescent: Shape = (x, y) => Math.max(Math.hypot(x, y) - 1, 0.8 - Math.hypot(x - 0.5, y));

const square: Shape = (x, y) => box(x, y, 1, 1);

const cross: Shape = (x, y) => Math.min(box(x, y, 1, 0.3), box(x, y, 0.3, 1));

const triangle: Shape = (x, y) => {
  const inwards = [Math.PI / 2, (Math.PI * 7) / 6, (Math.PI * 11) / 6];
  return Math.max(...inwards.map((angle) => -(x * Math.cos(angle) + y * Math.sin(angle)) - 0.6));
};

/** Five points; folded into one tenth, whose outline is a straight line. */
const star: Shape = (x, y) => {
  const tenth = Math.PI / 5;
  const turned = Math.abs(Math.atan2(x, y)) % (2 * tenth);
  const angle = turned > tenth ? 2 * tenth - turned : turned;
  const radius = Math.hypot(x, y);
  const [px, py] = [radius * Math.sin(angle), radius * Math.cos(angle)];
  const [ex, ey] = [0.42 * Math.sin(tenth), 0.42 * Math.cos(tenth) - 1];
  return (px * -ey + (py - 1) * ex) / Math.hypot(ex, ey);
};

const heart: Shape = (x, y) => {
  const side = Math.abs(x) / 1.1;
  const up = y / 1.1 + 0.55;
  if (side + up > 1) return (Math.hypot(side - 0.25, up - 0.75) - Math.SQRT2 / 4) * 1.1;
  const along = Math.max(side + up, 0) / 2;
  const toTip = Math.hypot(side, up - 1);
  const toSide = Math.hypot(side - along, up - along);
  return Math.min(toTip, toSide) * Math.sign(side - up) * 1.1;
};

function box(x: number, y: number, halfWidth: number, halfHeight: number): number {
  const dx = Math.abs(x) - halfWidth;
  const dy = Math.abs(y) - halfHeight;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0);
}

const outlines = { circle, crescent, cross, heart, ring, square, star, triangle };

/** The shapes of the demo's classes, scaled to the area of a circle of radius 1, so that size tells nothing. */
export const shapes: ReadonlyMap<string, Shape> = new Map(
  Object.entries(outlines).map(([name, shape]) => [name, withUnitArea(shape)]),
);

/** Measured at its first use: importing the package should cost nothing. */
function withUnitArea(shape: Shape): Shape {
  let scale: number | undefined;
  return (x, y) => {
    scale ??= Math.sqrt(Math.PI / area(shape));
    return shape(x / scale, y / scale) * scale;
  };
}

function area(shape: Shape): number {
  const steps = 256;
  const extent = 1.5;
  let inside = 0;
  for (let row = 0; row < steps; row++) {
    for (let column = 0; column < steps; column++) {
      const x = (((column + 0.5) / steps) * 2 - 1) * extent;
      const y = (((row + 0.5) / steps) * 2 - 1) * extent;
      if (shape(x, y) < 0) inside++;
    }
  }
  return inside * ((2 * extent) / steps) ** 2;
}
