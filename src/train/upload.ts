import type * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import type { Batch } from '../data/loader.js';
import { uploadImages } from '../ops/normalize_images.js';

/** A batch whose pixels may be on the device: then [size, imageSize, imageSize, 3], int32. */
export interface ReadyBatch extends Omit<Batch, 'pixels'> {
  pixels: Uint8Array | tf.Tensor4D;
}

/**
 * The batches with their pixels on the device, where each is brought while the one before it is
 * computed with; on other backends than `menet`, which take bytes from the host alone, as they are.
 * A batch's pixels are freed when the next one is asked for.
 * @param imageSize side of the images, in pixels
 */
export async function* uploadAhead(
  batches: AsyncIterable<Batch>,
  imageSize: number,
): AsyncIterableIterator<ReadyBatch> {
  if (currentMenetBackend() === undefined) return yield* batches;
  let ready: (Omit<Batch, 'pixels'> & { pixels: tf.Tensor4D }) | undefined;
  try {
    for await (const batch of batches) {
      // Before the computation of the batch before is started: it would be waited for otherwise.
      const upload = uploadImages(batch.pixels, [batch.size, imageSize, imageSize, 3]);
      upload.catch(() => undefined); // whoever awaits it gets the error
      try {
        if (ready) yield ready;
      } finally {
        ready?.pixels.dispose();
        ready = undefined;
        ready = { ...batch, pixels: await upload };
      }
    }
    if (ready) yield ready;
  } finally {
    ready?.pixels.dispose();
  }
}
