import { readFile } from 'node:fs/promises';
import type sharpModule from 'sharp';
import type { Sharp } from 'sharp';
import { InputError, reject } from '../errors.js';
import { alterRandomly, eraseRandomly, noAugmentation, type Augmentation } from './augmentation.js';
import { colorJitter } from './color_jitter.js';
import { randomStream, type RandomStream } from '../random.js';
import type { Pixels, Placement, Size } from '../native_images.js';
import { imageKernels } from './image_kernels.js';
import { findTransform, type Transform } from './transforms.js';

/** Pillow's limit too: larger images are taken for decompression bombs. */
const maxPixels = 178_956_970;

/**
 * Decodes one image file to 8-bit RGB as Pillow's `convert('RGB')` does: alpha
 * dropped, palettes and grey expanded, CMYK converted without a colour profile,
 * other colour profiles and EXIF orientation ignored, the first frame of several.
 * @throws InputError naming the file if it cannot be read, is truncated, damaged or
 *   has over 179 million pixels.
 */
export async function readImage(file: string): Promise<Pixels> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new InputError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (bytes.length === 0) throw new InputError(`${file}: expected an image, got an empty file`);
  const sharp = await loadSharp();
  const cmyk = isCmykJpeg(bytes);
  try {
    const image = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels, ignoreIcc: true });
    const { data, info } = await decode(image, cmyk);
    const rgb = cmyk ? cmykToRgb(data) : toRgb(data, info.channels);
    return { data: rgb, width: info.width, height: info.height };
  } catch (error) {
    throw new InputError(`${file}: cannot be decoded (${oneLine(error)})`);
  }
}

/** What becomes of a decoded image. */
export interface SampleOptions {
  transform: Transform;
  /** Side of the sample, in pixels. */
  imageSize: number;
  augmentation: Augmentation;
}

/** A decoded image, wherever its pixels are. */
export interface SampleImage extends Size {
  resample(placement: Placement, out: Uint8Array): void;
}

/** Makes a sample of an image, in `out` (`[imageSize, imageSize, 3]`, RGB bytes). */
export function makeSample(
  image: SampleImage,
  { transform, imageSize, augmentation }: SampleOptions,
  random: RandomStream,
  out: Uint8Array,
): void {
  image.resample(transform.place(image, imageSize, random), out);
  const sample = { data: out, width: imageSize, height: imageSize };
  alterRandomly(sample, augmentation, random);
  if (transform.colorJitter) colorJitter(out, random);
  eraseRandomly(sample, augmentation, random);
}

/**
 * Decodes the image of a sample.
 * @throws InputError as {@link readImage} does.
 */
export async function decodeSampleImage(file: string): Promise<SampleImage> {
  const image = await readImage(file);
  const { width, height } = image;
  return {
    width,
    height,
    resample: (placement, out) => imageKernels().resample(image, placement, out),
  };
}

/**
 * Decodes a single image, for prediction: `[height, width, 3]` RGB bytes.
 * @param options.imageSize side of the result in pixels
 * @param options.transform name of the transform (`evaluate` unless told)
 * @param options.resize false takes the image as it is, of any size
 * @throws InputError naming the file if it cannot be decoded.
 */
export async function decodeImage(
  file: string,
  options: { imageSize: number; transform?: string; resize?: boolean },
): Promise<{ pixels: Uint8Array; height: number; width: number }> {
  const { imageSize, resize = true } = options;
  if (!resize) {
    const { data, height, width } = await readImage(file);
    return { pixels: data, height, width };
  }
  if (!Number.isInteger(imageSize) || imageSize < 1) {
    reject('imageSize', 'a positive integer', imageSize);
  }
  const transform = findTransform(options.transform ?? 'evaluate');
  const sample = { transform, imageSize, augmentation: noAugmentation };
  const pixels = new Uint8Array(imageSize * imageSize * 3);
  makeSample(await decodeSampleImage(file), sample, randomStream(0, 0, 0), pixels);
  return { pixels, height: imageSize, width: imageSize };
}

let loading: Promise<typeof sharpModule> | undefined;

/** Loads sharp at its first use, with one thread per image and nothing cached. */
export function loadSharp(): Promise<typeof sharpModule> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

function decode(image: Sharp, cmyk: boolean) {
  const inColorSpace = cmyk
    ? image.pipelineColourspace('cmyk').toColourspace('cmyk')
    : image.toColourspace('srgb');
  return inColorSpace.raw().toBuffer({ resolveWithObject: true });
}

/** Whether a JPEG's frame header tells of four components. */
function isCmykJpeg(bytes: Buffer): boolean {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return false;
  for (let p = 2; p + 10 <= bytes.length && bytes[p] === 0xff;) {
    const marker = bytes[p + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return bytes[p + 9] === 4;
    p += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(p + 2);
  }
  return false;
}

/** Pillow's profile-free conversion: each of red, green, blue is (1 - ink) (1 - black). */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4) {
    const light = 255 - cmyk[from + 3]!;
    for (let ink = 0; ink < 3; ink++) {
      rgb[to++] = light - Math.round((cmyk[from + ink]! * light) / 255);
    }
  }
  return rgb;
}

/** Drops alpha, and repeats grey three times. */
function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  const [green, blue] = channels === 4 ? [1, 2] : [0, 0];
  for (let from = 0, to = 0; from < data.length; from += channels) {
    rgb[to++] = data[from]!;
    rgb[to++] = data[from + green]!;
    rgb[to++] = data[from + blue]!;
  }
  return rgb;
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, '; ').trim();
}
