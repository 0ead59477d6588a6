import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';
import { currentFusedOps } from './fused_ops.js';
import { markConstant } from './native_gradient.js';

/** ImageNet's statistics of red, green and blue, on a scale of 0 to 1. */
const means = [0.485, 0.456, 0.406] as const;
const deviations = [0.229, 0.224, 0.225] as const;

/** [N, H, W, 3] */
export type ImagesShape = [images: number, height: number, width: number, channels: number];

/** How the images of a batch are mixed: mixup within the whole image, CutMix by a whole share. */
export interface Mix {
  /** [N], for each image the index of the one that is mixed in. */
  partners: readonly number[];
  /** Share of the partner's pixels inside the box, from 0 to 1; outside there are none. */
  share: number;
  /** In pixels, inside the image. */
  box: { top: number; left: number; height: number; width: number };
}

/**
 * Images as networks take them: (pixel / 255 - mean) / deviation, with ImageNet's statistics
 * per channel; mixed in the same pass where `mix` says how.
 * @param pixels RGB bytes, row-major, read before this returns; or what {@link uploadImages} gave
 * @param shape [N, H, W, 3]
 * @returns float32 of that shape; has no gradient
 * @throws InputError where the pixels are no bytes, the shape does not hold them or the mix does
 *   not fit it
 */
export function normalizeImages(
  pixels: Uint8Array | tf.Tensor4D,
  shape: ImagesShape,
  mix?: Mix,
): tf.Tensor4D {
  if (pixels instanceof tf.Tensor) checkTensor('normalizeImages: pixels', pixels, shape, 'int32');
  else checkPixels('normalizeImages', pixels, shape);
  if (mix) checkMix(mix, shape);
  const input = pixels instanceof tf.Tensor ? uploadedOrBytes(pixels) : pixels;
  const ops = currentFusedOps();
  if (ops === undefined) return normalizeImagesReference(input as Uint8Array, shape, mix);
  const attributes = mix && { partners: mix.partners, share: mix.share, box: corners(mix) };
  const source = input instanceof tf.Tensor ? input : { bytes: input, shape };
  const [images] = ops.runFused('NormalizeImages', [source], attributes);
  return markConstant(images as tf.Tensor4D);
}

/**
 * Brings images to the device while it computes what was started before, for
 * {@link normalizeImages}: a byte for each value, where the backend is `menet`.
 * @param pixels RGB bytes, row-major; shared memory must stay as it is until the promise resolves
 * @param shape [N, H, W, 3]
 * @returns int32 of that shape
 * @throws InputError where the pixels are no bytes or the shape does not hold them
 */
export async function uploadImages(pixels: Uint8Array, shape: ImagesShape): Promise<tf.Tensor4D> {
  checkPixels('uploadImages', pixels, shape);
  const backend = currentMenetBackend();
  if (backend === undefined) return tf.tensor4d(pixels, shape, 'int32');
  const info = await backend.upload(pixels, shape);
  return tf.engine().makeTensorFromTensorInfo(info, backend) as tf.Tensor4D;
}

/** Images that are not stored in bytes come to the host. */
function uploadedOrBytes(images: tf.Tensor4D): tf.Tensor4D | Uint8Array {
  if (currentMenetBackend()?.storageOf(images) === 'uint8') return images;
  return Uint8Array.from(images.dataSync());
}

function checkPixels(op: string, pixels: Uint8Array, shape: ImagesShape): void {
  if (!(pixels instanceof Uint8Array)) reject(`${op}: pixels`, 'a Uint8Array', pixels);
  if (shape.length !== 4 || shape[3] !== 3)
    reject(`${op}: shape`, '[N, H, W, 3]', `[${shape.join(', ')}]`);
  if (tf.util.sizeFromShape(shape) !== pixels.length)
    reject(`${op}: pixels`, `${tf.util.sizeFromShape(shape)} bytes`, pixels.length);
}

/** {@link normalizeImages} on the host. */
export function normalizeImagesReference(
  pixels: Uint8Array,
  shape: ImagesShape,
  mix?: Mix,
): tf.Tensor4D {
  const [red, green, blue] = tables as [Float32Array, Float32Array, Float32Array];
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    values[i] = red[pixels[i]!]!;
    values[i + 1] = green[pixels[i + 1]!]!;
    values[i + 2] = blue[pixels[i + 2]!]!;
  }
  return tf.tensor4d(mix ? mixed(values, shape, mix) : values, shape);
}

function mixed(values: Float32Array, shape: number[], { partners, share, box }: Mix): Float32Array {
  const [, height, width] = shape as [number, number, number];
  const result = values.slice();
  partners.forEach((partner, image) => {
    for (let y = box.top; y < box.top + box.height; y++) {
      const at = (n: number) => 3 * ((n * height + y) * width + box.left);
      for (let i = 0; i < 3 * box.width; i++)
        result[at(image) + i] =
          (1 - share) * values[at(image) + i]! + share * values[at(partner) + i]!;
    }
  });
  return result;
}

const corners = ({ box: { top, left, height, width } }: Mix) => [top, left, height, width];

function checkMix(mix: Mix, [images, height, width]: [number, number, number, number]): void {
  const within = (value: number, limit: number) =>
    Number.isInteger(value) && value >= 0 && value <= limit;
  const { partners, share, box } = mix;
  if (partners.length !== images || !partners.every((partner) => within(partner, images - 1)))
    reject('normalizeImages: partners', `${images} indices of images`, partners);
  if (!(share >= 0 && share <= 1)) reject('normalizeImages: share', 'a share from 0 to 1', share);
  const inside = corners(mix).every((value) => within(value, Math.max(height, width)));
  if (!inside || box.top + box.height > height || box.left + box.width > width)
    reject('normalizeImages: box', `a part of ${height} × ${width} pixels`, box);
}

/** The value of each of the 256 bytes, by channel. */
const tables = means.map((mean, channel) =>
  Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / deviations[channel]!),
);
