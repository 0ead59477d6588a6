import { InputError } from '../errors.js';
import type { Augmentation } from './augmentation.js';
import { decodeSample } from './decode.js';
import { randomStream } from '../random.js';
import { findTransform } from './transforms.js';

/** What all decoders of a loader share for its whole life. */
export interface DecoderSetup {
  transform: string;
  imageSize: number;
  augmentation: Augmentation;
  seed: number;
  /** One batch each, `[batchSize, imageSize, imageSize, 3]` bytes. */
  slots: SharedArrayBuffer[];
  /** Per slot an int32: the position in the batch that is to be decoded next. */
  positions: SharedArrayBuffer;
}

/** One batch to decode. Every decoder gets it, and takes samples from it until none is left. */
export interface BatchJob {
  slot: number;
  epoch: number;
  files: string[];
  /** Position of each file in the folder: with seed and epoch, what its random numbers depend on. */
  indices: Uint32Array;
}

/** An image that could not be decoded. */
export interface BrokenImage {
  /** Position in the batch. */
  position: number;
  reason: string;
}

/** While one image is being decompressed in libuv's thread pool, another is resized here. */
const imagesInFlight = 2;

/**
 * Decodes samples of a batch into its slot, sharing the work with everybody else
 * who was given the same job, and returns the broken images it met.
 */
export async function decodeBatch(job: BatchJob, setup: DecoderSetup): Promise<BrokenImage[]> {
  const { imageSize, seed, slots, positions } = setup;
  const transform = findTransform(setup.transform);
  const sample = { transform, imageSize, augmentation: setup.augmentation };
  const next = new Int32Array(positions);
  const sampleBytes = imageSize * imageSize * 3;
  const broken: BrokenImage[] = [];
  const takeSamples = async (): Promise<void> => {
    for (;;) {
      const position = Atomics.add(next, job.slot, 1);
      const file = job.files[position];
      if (file === undefined) return;
      const out = new Uint8Array(slots[job.slot]!, position * sampleBytes, sampleBytes);
      const random = randomStream(seed, job.epoch, job.indices[position]!);
      try {
        await decodeSample(file, sample, random, out);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        broken.push({ position, reason: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: imagesInFlight }, takeSamples));
  return broken;
}
