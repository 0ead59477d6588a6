import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import { markConstant, runNative } from './native_gradient.js';

/** ImageNet's statistics of red, green and blue, on a scale of 0 to 1. */
const means = [0.485, 0.456, 0.406] as const;
const deviations = [0.229, 0.224, 0.225] as const;

/**
 * Images as networks take them: (pixel / 255 - mean) / deviation, with ImageNet's statistics
 * per channel.
 * @param pixels RGB bytes, row-major; read before this returns
 * @param shape [N, H, W, 3]
 * @returns float32 of that shape; has no gradient
 * @throws InputError where the pixels are no bytes or the shape does not hold them
 */
export function normalizeImages(
  pixels: Uint8Array,
  shape: [number, number, number, number],
): tf.Tensor4D {
  if (!(pixels instanceof Uint8Array)) reject('normalizeImages: pixels', 'a Uint8Array', pixels);
  if (shape.length !== 4 || shape[3] !== 3)
    reject('normalizeImages: shape', '[N, H, W, 3]', `[${shape.join(', ')}]`);
  if (tf.util.sizeFromShape(shape) !== pixels.length)
    reject('normalizeImages: pixels', `${tf.util.sizeFromShape(shape)} bytes`, pixels.length);
  const backend = currentMenetBackend();
  if (backend === undefined) return normalizeImagesReference(pixels, shape);
  const [images] = runNative(backend, 'NormalizeImages', [{ bytes: pixels, shape }]);
  return markConstant(images as tf.Tensor4D);
}

/** {@link normalizeImages} on the host. */
export function normalizeImagesReference(
  pixels: Uint8Array,
  shape: [number, number, number, number],
): tf.Tensor4D {
  const [red, green, blue] = tables as [Float32Array, Float32Array, Float32Array];
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    values[i] = red[pixels[i]!]!;
    values[i + 1] = green[pixels[i + 1]!]!;
    values[i + 2] = blue[pixels[i + 2]!]!;
  }
  return tf.tensor4d(values, shape);
}

/** The value of each of the 256 bytes, by channel. */
const tables = means.map((mean, channel) =>
  Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / deviations[channel]!),
);
