/*
 * The layers as loops over arrays in float64, written from their definitions alone, to check the
 * stock compositions with. Activations are {shape: [N, H, W, C], at}.
 */
export interface Maps {
  shape: [number, number, number, number];
  data: Float64Array;
}

type Place = [n: number, y: number, x: number, c: number];

/** Fills maps from a function of the place. */
export function makeMaps(shape: Maps['shape'], value: (...place: Place) => number): Maps {
  const [batch, height, width, channels] = shape;
  const data = new Float64Array(batch * height * width * channels);
  let i = 0;
  for (let n = 0; n < batch; n++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < channels; c++) data[i++] = value(n, y, x, c);
  return { shape, data };
}

/** The value at a place, `outside` beyond the borders. */
export function at({ shape, data }: Maps, [n, y, x, c]: Place, outside = 0): number {
  const [, height, width, channels] = shape;
  if (y < 0 || x < 0 || y >= height || x >= width) return outside;
  return data[((n * height + y) * width + x) * channels + c] as number;
}

/**
 * Slides a 3×3 window with padding 1: `combine` gets, for each output place, the nine places of
 * the input in row-major order.
 */
export function slide(
  { shape }: Maps,
  strides: number,
  channels: number,
  combine: (places: { y: number; x: number }[], n: number, c: number) => number,
): Maps {
  const [batch, height, width] = shape;
  const size = (length: number) => Math.floor((length - 1) / strides) + 1;
  return makeMaps([batch, size(height), size(width), channels], (n, y, x, c) => {
    const places = Array.from({ length: 9 }, (_, k) => ({
      y: y * strides - 1 + Math.floor(k / 3),
      x: x * strides - 1 + (k % 3),
    }));
    return combine(places, n, c);
  });
}
