import { InputError } from '../errors.js';
import type { Augmentation } from './augmentation.js';
import { CachedImages } from './cached_images.js';
import { decodeSampleImage, makeSample } from './decode.js';
import type { RawCache } from './raw_cache.js';
import { randomStream } from '../random.js';
import { findTransform } from './transforms.js';

/** What all decoders of a loader share for its whole life. */
export interface DecoderSetup {
  transform: string;
  imageSize: number;
  augmentation: Augmentation;
  /** Where images are taken from instead of decoding them. */
  cache?: RawCache;
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
 * Decodes samples of batches into their slots, sharing the work with everybody else who was given
 * the same jobs.
 */
export class BatchDecoder {
  private readonly cached: CachedImages | undefined;

  constructor(private readonly setup: DecoderSetup) {
    this.cached = setup.cache && new CachedImages(setup.cache);
  }

  /** Works on a batch until nothing of it is left; returns the broken images that it met. */
  async decode(job: BatchJob): Promise<BrokenImage[]> {
    const next = new Int32Array(this.setup.positions);
    const broken: BrokenImage[] = [];
    const takeSamples = async (): Promise<void> => {
      for (;;) {
        const position = Atomics.add(next, job.slot, 1);
        if (position >= job.files.length) return;
        try {
          await this.decodeSample(job, position);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          broken.push({ position, reason: error.message });
        }
      }
    };
    await Promise.all(Array.from({ length: imagesInFlight }, takeSamples));
    return broken;
  }

  private async decodeSample(job: BatchJob, position: number): Promise<void> {
    const { imageSize, augmentation, seed, slots } = this.setup;
    const index = job.indices[position]!;
    const image = this.cached?.get(index) ?? (await decodeSampleImage(job.files[position]!));
    const sampleBytes = imageSize * imageSize * 3;
    const out = new Uint8Array(slots[job.slot]!, position * sampleBytes, sampleBytes);
    const transform = findTransform(this.setup.transform);
    makeSample(
      image,
      { transform, imageSize, augmentation },
      randomStream(seed, job.epoch, index),
      out,
    );
  }
}
