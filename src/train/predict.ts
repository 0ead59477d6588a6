import * as tf from '@tensorflow/tfjs';
import type { Model } from '../models/model.js';
import { normalizeImages } from '../ops/normalize_images.js';
import type { Precision } from '../precision.js';

export interface Prediction {
  /** Index of the class. */
  class: number;
  probability: number;
}

/** A decoded image: RGB bytes, row-major [height, width, 3]. */
export interface DecodedImage {
  pixels: Uint8Array;
  height: number;
  width: number;
}

/**
 * The `top` most probable classes of an image, best first; of equals the lower class first.
 * @param precision what activations are stored as
 */
export async function predictImage(
  model: Model,
  { pixels, height, width }: DecodedImage,
  top: number,
  precision: Precision = 'float32',
): Promise<Prediction[]> {
  const probabilities = tf.tidy(() => {
    const images = normalizeImages(pixels, [1, height, width, 3]);
    return tf.softmax(model.apply(images, { precision }));
  });
  const values = await probabilities.data();
  probabilities.dispose();
  return Array.from(values as Float32Array, (probability, index) => ({ class: index, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}
