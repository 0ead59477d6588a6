/*
 * The adjustments where no native binary loads, and what tests compare its own with. Bit for bit
 * Pillow's, which blends in float32 and truncates, and turns hues in an 8-bit HSV image.
 * https://github.com/python-pillow/Pillow/blob/main/src/libImaging/{Blend,Convert}.c
 */

/** Blends with black; factor 1 changes nothing. `rgb`: interleaved RGB bytes, changed in place. */
export function adjustBrightness(rgb: Uint8Array, factor: number): void {
  blendWithLevel(rgb, 0, factor);
}

/** Blends with the grey of the mean luminance; factor 1 changes nothing. */
export function adjustContrast(rgb: Uint8Array, factor: number): void {
  let sum = 0;
  for (let p = 0; p < rgb.length; p += 3) sum += luminance(rgb[p]!, rgb[p + 1]!, rgb[p + 2]!);
  blendWithLevel(rgb, Math.floor(sum / (rgb.length / 3) + 0.5), factor);
}

/** Blends each pixel with its luminance; factor 1 changes nothing. */
export function adjustSaturation(rgb: Uint8Array, factor: number): void {
  const alpha = Math.fround(factor);
  for (let p = 0; p < rgb.length; p += 3) {
    const grey = luminance(rgb[p]!, rgb[p + 1]!, rgb[p + 2]!);
    rgb[p] = blend(grey, rgb[p]!, alpha);
    rgb[p + 1] = blend(grey, rgb[p + 1]!, alpha);
    rgb[p + 2] = blend(grey, rgb[p + 2]!, alpha);
  }
}

/** Turns the hue by `turns` (-0.5 to 0.5; 0 only rounds to 8-bit HSV and back). */
export function adjustHue(rgb: Uint8Array, turns: number): void {
  const shift = Math.trunc(turns * 255);
  for (let p = 0; p < rgb.length; p += 3) {
    const red = rgb[p]!;
    const green = rgb[p + 1]!;
    const blue = rgb[p + 2]!;
    const value = red > green ? (red > blue ? red : blue) : green > blue ? green : blue;
    const least = red < green ? (red < blue ? red : blue) : green < blue ? green : blue;
    if (value === least) continue;
    const hue = (hueByte(red, green, blue, value, value - least) + shift) & 255;
    const saturation = (Math.fround((value - least) / value) * 255) | 0;
    writeHsv(rgb, p, hue, saturation, value);
  }
}

/** Luminance of a pixel as Pillow's `convert('L')` rounds it (ITU-R 601). */
function luminance(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/** `from + alpha (to - from)`, truncated and limited to a byte. */
export function blend(from: number, to: number, alpha: number): number {
  const mixed = Math.fround(from + Math.fround(alpha * (to - from)));
  return mixed <= 0 ? 0 : mixed >= 255 ? 255 : Math.trunc(mixed);
}

function blendWithLevel(rgb: Uint8Array, level: number, factor: number): void {
  const alpha = Math.fround(factor);
  const table = Uint8Array.from({ length: 256 }, (_, value) => blend(level, value, alpha));
  for (let p = 0; p < rgb.length; p++) rgb[p] = table[rgb[p]!]!;
}

/** Hue as a byte, 255 being the full turn. Rounds to float32 where Pillow does. */
function hueByte(red: number, green: number, blue: number, value: number, chroma: number): number {
  let sextant: number;
  if (red === value) {
    sextant = Math.fround((value - blue) / chroma) - Math.fround((value - green) / chroma);
  } else if (green === value) {
    sextant = 2 + Math.fround((value - red) / chroma) - Math.fround((value - blue) / chroma);
  } else {
    sextant = 4 + Math.fround((value - green) / chroma) - Math.fround((value - red) / chroma);
  }
  const turn = Math.fround(sextant) / 6 + 1;
  return (Math.fround(turn >= 1 ? turn - 1 : turn) * 255) | 0;
}

/** For each hue byte its sextant of the colour circle, and how far into it. */
const sextants = Uint8Array.from({ length: 256 }, (_, hue) => Math.floor((hue * 6) / 255) % 6);
const offsets = Float32Array.from({ length: 256 }, (_, hue) => ((hue * 6) / 255) % 1);
/** For each sextant, the channels that are largest, smallest, and in between. */
const largest = Uint8Array.of(0, 1, 1, 2, 2, 0);
const smallest = Uint8Array.of(2, 2, 0, 0, 1, 1);
const between = Uint8Array.of(1, 0, 2, 1, 0, 2);

function writeHsv(
  rgb: Uint8Array,
  p: number,
  hue: number,
  saturation: number,
  value: number,
): void {
  const sextant = sextants[hue]!;
  const offset = offsets[hue]!;
  const share = Math.fround(saturation / 255);
  const distance = sextant % 2 === 1 ? Math.fround(share * offset) : share * (1 - offset);
  rgb[p + largest[sextant]!] = value;
  // Storing a byte truncates, so adding a half rounds.
  rgb[p + smallest[sextant]!] = value * (1 - share) + 0.5;
  rgb[p + between[sextant]!] = value * (1 - distance) + 0.5;
}
