import type { Shape } from './demo_shapes.js';
import { randomInteger, uniform, type RandomStream } from '../random.js';

type Color = [number, number, number];

/**
 * Draws one picture of a shape, `[size, size, 3]` RGB bytes: any light colour, place, size
 * and turn, on a textured dark ground, among lines and blobs, with blur and noise.
 * Everything but the shape has the same distribution for all shapes.
 */
export function drawScene(shape: Shape, size: number, random: RandomStream): Uint8Array {
  const canvas = new Float32Array(size * size * 3);
  const ground = randomColor(random, 0, 120);
  drawTexture(canvas, size, ground, random);
  for (let n = 2 + randomInteger(random, 4); n > 0; n--) drawBlob(canvas, size, random);
  for (let n = 2 + randomInteger(random, 4); n > 0; n--) drawLine(canvas, size, random);
  drawShape(canvas, size, shape, randomColor(random, 140, 256), random);
  if (random() < 0.5) drawLine(canvas, size, random);
  return addNoise(canvas, uniform(random, 0, 14), random);
}

/** A colour gradient under a grating of random direction and period. */
function drawTexture(canvas: Float32Array, size: number, color: Color, random: RandomStream): void {
  const slope = color.map(() => uniform(random, -50, 50));
  const angle = uniform(random, 0, Math.PI);
  const frequency = (2 * Math.PI) / uniform(random, 4, 24);
  const [kx, ky] = [Math.cos(angle) * frequency, Math.sin(angle) * frequency];
  const phase = uniform(random, 0, 2 * Math.PI);
  const depth = uniform(random, 0, 25);
  forEachPixel(size, (x, y, p) => {
    const wave = depth * Math.sin(kx * x + ky * y + phase);
    for (let c = 0; c < 3; c++) canvas[p + c] = color[c]! + slope[c]! * (x / size - 0.5) + wave;
  });
}

function drawShape(
  canvas: Float32Array,
  size: number,
  shape: Shape,
  color: Color,
  random: RandomStream,
): void {
  const radius = uniform(random, 0.2, 0.32) * size;
  const margin = 1.4 * radius;
  const cx = uniform(random, margin, size - margin);
  const cy = uniform(random, margin, size - margin);
  const angle = uniform(random, 0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  const blur = uniform(random, 0.5, 1.5);
  forEachPixel(size, (x, y, p) => {
    const [dx, dy] = [x - cx, y - cy];
    paint(
      canvas,
      p,
      color,
      0.5 - (shape(cos * dx + sin * dy, cos * dy - sin * dx) * radius) / blur,
    );
  });
}

/** A small ellipse, far smaller than any shape. */
function drawBlob(canvas: Float32Array, size: number, random: RandomStream): void {
  const color = randomColor(random);
  const [cx, cy] = [uniform(random, 0, size), uniform(random, 0, size)];
  const [rx, ry] = [uniform(random, 0.02, 0.07) * size, uniform(random, 0.02, 0.07) * size];
  forEachPixel(size, (x, y, p) => {
    const distance = (Math.hypot((x - cx) / rx, (y - cy) / ry) - 1) * Math.min(rx, ry);
    paint(canvas, p, color, 0.5 - distance);
  });
}

/** A thin straight line between two random points. */
function drawLine(canvas: Float32Array, size: number, random: RandomStream): void {
  const color = randomColor(random);
  const [ax, ay] = [uniform(random, 0, size), uniform(random, 0, size)];
  const [bx, by] = [uniform(random, 0, size) - ax, uniform(random, 0, size) - ay];
  const halfWidth = uniform(random, 0.4, 1.2);
  forEachPixel(size, (x, y, p) => {
    const share = ((x - ax) * bx + (y - ay) * by) / (bx * bx + by * by);
    const along = Math.min(1, Math.max(0, share));
    paint(canvas, p, color, 0.5 + halfWidth - Math.hypot(x - ax - along * bx, y - ay - along * by));
  });
}

function paint(canvas: Float32Array, p: number, color: Color, opacity: number): void {
  if (opacity <= 0) return;
  const share = Math.min(1, opacity);
  for (let c = 0; c < 3; c++) canvas[p + c]! += share * (color[c]! - canvas[p + c]!);
}

/** Calls back with pixel centres and the position of the pixel's first byte. */
function forEachPixel(size: number, draw: (x: number, y: number, p: number) => void): void {
  for (let y = 0, p = 0; y < size; y++) {
    for (let x = 0; x < size; x++, p += 3) draw(x + 0.5, y + 0.5, p);
  }
}

/** Rounds to bytes with noise of about normal distribution (the sum of three uniform numbers). */
function addNoise(canvas: Float32Array, deviation: number, random: RandomStream): Uint8Array {
  const pixels = new Uint8ClampedArray(canvas.length);
  for (let p = 0; p < canvas.length; p++) {
    pixels[p] = canvas[p]! + deviation * (2 * (random() + random() + random()) - 3);
  }
  return new Uint8Array(pixels.buffer);
}

function randomColor(random: RandomStream, low = 0, high = 256): Color {
  return [uniform(random, low, high), uniform(random, low, high), uniform(random, low, high)];
}
