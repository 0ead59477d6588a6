import { InputError, reject } from '../errors.js';
import { checkAugmentation, noAugmentation, type Augmentation } from './augmentation.js';
import type { BrokenImage } from './batch_decoder.js';
import { DecodePool } from './decode_pool.js';
import type { ImageFolder } from './image_folder.js';
import type { RawCache } from './raw_cache.js';
import { randomStream, shuffle } from '../random.js';
import { findTransform } from './transforms.js';

/** Batches in memory: one with the caller, the others being decoded ahead. */
const slotCount = 3;
/** The random stream that orders an epoch; samples use the streams of their indices. */
const orderStream = 2 ** 32 - 1;

/** Decoded images with their labels. */
export interface Batch {
  /** `[size, imageSize, imageSize, 3]` RGB bytes in shared memory, valid until the next batch is asked for. */
  pixels: Uint8Array;
  /** Class index of each image. */
  labels: Int32Array;
  /** Images in this batch: fewer than `batchSize` in the last one and where images are broken. */
  size: number;
  files: string[];
}

export interface LoaderOptions extends Partial<Augmentation> {
  batchSize: number;
  /** Side of the square images, in pixels. */
  imageSize: number;
  /** Name of a transform: `evaluate`, `aggressive`, ... (docs/data.md). */
  transform: string;
  /** Decode threads; 0 decodes in the calling thread, between its other work. */
  workers: number;
  seed: number;
  shuffle: boolean;
  /** Leave out a last batch of fewer than `batchSize` images (default false). */
  dropLast?: boolean;
  /** Share of the folder's images that may be broken before the run stops (default 0.05). */
  maxBroken?: number;
  /** Decoded images of the folder, made for this image size, instead of its files. */
  cache?: RawCache;
}

type Settings = Required<Omit<LoaderOptions, 'cache'>>;

/**
 * Batches of an image folder, decoded ahead by worker threads into a ring of shared
 * buffers. Order and augmentation are functions of (seed, epoch, index of the
 * sample): the same bytes for any number of workers.
 */
export class ImageLoader {
  /** Images of the folder, broken ones included. */
  readonly images: number;
  /** Batches per epoch (fewer come if all images of one are broken). */
  readonly steps: number;
  private readonly options: Settings;
  private readonly pool: DecodePool;
  private readonly slots: SharedArrayBuffer[];
  private readonly broken = new Map<string, string>();
  private busy = false;

  /** @throws InputError for an option out of range. */
  constructor(
    private readonly folder: ImageFolder,
    { cache, ...options }: LoaderOptions,
  ) {
    this.options = { dropLast: false, maxBroken: 0.05, ...noAugmentation, ...options };
    checkOptions(this.options);
    if (cache) checkCache(cache, folder, options.imageSize);
    const { batchSize, imageSize, workers, transform, seed, dropLast } = this.options;
    const batches = folder.samples.length / batchSize;
    this.images = folder.samples.length;
    this.steps = dropLast ? Math.floor(batches) : Math.ceil(batches);
    if (this.steps === 0) {
      reject(
        `${folder.root}: images`,
        `at least ${dropLast ? batchSize : 1}`,
        folder.samples.length,
      );
    }
    const slotBytes = batchSize * imageSize * imageSize * 3;
    this.slots = Array.from({ length: slotCount }, () => allocate(slotBytes));
    const positions = new SharedArrayBuffer(slotCount * Int32Array.BYTES_PER_ELEMENT);
    this.pool = new DecodePool(workers, {
      transform,
      imageSize,
      augmentation: this.options,
      cache,
      seed,
      slots: this.slots,
      positions,
    });
  }

  /** Broken images met so far, each with the reason. */
  get skipped(): ReadonlyMap<string, string> {
    return this.broken;
  }

  /**
   * The batches of one epoch, or those from `firstStep` on. One epoch at a time; leaving the
   * loop early is fine.
   * @throws InputError when more than `maxBroken` of the folder is broken, and the
   *   error of a decode thread that died.
   */
  async *epoch(epoch: number, firstStep = 0): AsyncIterableIterator<Batch> {
    if (!Number.isInteger(epoch) || epoch < 0) reject('epoch', 'a non-negative integer', epoch);
    if (!Number.isInteger(firstStep) || firstStep < 0)
      reject('firstStep', 'a non-negative integer', firstStep);
    if (this.busy) throw new Error('image loader: the previous epoch is still being read');
    this.busy = true;
    const order = this.order(epoch);
    const ahead: Promise<BrokenImage[]>[] = [];
    try {
      for (let step = firstStep, started = firstStep; step < this.steps; step++) {
        for (; started < Math.min(this.steps, step + slotCount); started++) {
          ahead.push(this.decode(epoch, started, order));
        }
        const broken = await ahead[0]!;
        const batch = this.assemble(step, order, broken);
        if (batch.size > 0) yield batch;
        void ahead.shift();
      }
    } finally {
      this.pool.cancel();
      await Promise.allSettled(ahead);
      this.busy = false;
    }
  }

  /** Ends the decode threads; a batch being waited for is rejected. */
  close(): Promise<void> {
    return this.pool.close();
  }

  /** Sample indices in the order of an epoch. */
  private order(epoch: number): Uint32Array {
    const order = Uint32Array.from(this.folder.samples.keys());
    const { seed } = this.options;
    return this.options.shuffle ? shuffle(order, randomStream(seed, epoch, orderStream)) : order;
  }

  private indices(step: number, order: Uint32Array): Uint32Array {
    const { batchSize } = this.options;
    return order.slice(step * batchSize, (step + 1) * batchSize);
  }

  private decode(epoch: number, step: number, order: Uint32Array): Promise<BrokenImage[]> {
    const indices = this.indices(step, order);
    const files = Array.from(indices, (index) => this.folder.samples[index]!.file);
    const decoded = this.pool.decode({ slot: step % slotCount, epoch, files, indices });
    decoded.catch(() => {}); // whoever awaits it gets the error; a batch ahead may have nobody yet
    return decoded;
  }

  /** Closes the gaps that broken images left in the slot of this step. */
  private assemble(step: number, order: Uint32Array, broken: BrokenImage[]): Batch {
    this.report(step, order, broken);
    const gaps = new Set(broken.map(({ position }) => position));
    const { imageSize } = this.options;
    const sampleBytes = imageSize * imageSize * 3;
    const pixels = new Uint8Array(this.slots[step % slotCount]!);
    const labels: number[] = [];
    const files: string[] = [];
    for (const [position, index] of this.indices(step, order).entries()) {
      if (gaps.has(position)) continue;
      const { file, label } = this.folder.samples[index]!;
      const from = position * sampleBytes;
      const to = files.length * sampleBytes;
      if (to !== from) pixels.copyWithin(to, from, from + sampleBytes);
      labels.push(label);
      files.push(file);
    }
    const size = files.length;
    return {
      pixels: pixels.subarray(0, size * sampleBytes),
      labels: Int32Array.from(labels),
      size,
      files,
    };
  }

  private report(step: number, order: Uint32Array, broken: BrokenImage[]): void {
    const indices = this.indices(step, order);
    const { samples, root } = this.folder;
    for (const { position, reason } of broken) {
      this.broken.set(samples[indices[position]!]!.file, reason);
    }
    const { maxBroken } = this.options;
    if (this.broken.size > maxBroken * samples.length) {
      const [first] = this.broken.values();
      const limit = `at most ${maxBroken * 100} % broken images`;
      throw new InputError(
        `${root}: expected ${limit}, got ${this.broken.size} of ${samples.length}, the first: ${first}`,
      );
    }
  }
}

function allocate(bytes: number): SharedArrayBuffer {
  try {
    const buffer = new SharedArrayBuffer(bytes);
    new Uint8Array(buffer); // a view can be too long where its buffer is not
    return buffer;
  } catch {
    return reject('batchSize × imageSize² × 3', 'bytes that fit in memory', bytes);
  }
}

function checkCache(cache: RawCache, { samples }: ImageFolder, imageSize: number): void {
  const { length } = new Float64Array(cache.images);
  if (length !== samples.length * 3)
    reject(`${cache.file}: images`, `${samples.length}, those of the folder`, length / 3);
  if (cache.imageSize !== imageSize)
    reject(`${cache.file}: imageSize`, `${imageSize}, that of the loader`, cache.imageSize);
}

function checkOptions(options: Settings): void {
  const { batchSize, imageSize, workers, seed, maxBroken } = options;
  findTransform(options.transform);
  checkAugmentation(options);
  if (!Number.isInteger(batchSize) || batchSize < 1)
    reject('batchSize', 'a positive integer', batchSize);
  if (!Number.isInteger(imageSize) || imageSize < 1)
    reject('imageSize', 'a positive integer', imageSize);
  if (!Number.isInteger(workers) || workers < 0)
    reject('workers', 'a non-negative integer', workers);
  if (!Number.isSafeInteger(seed) || seed < 0) reject('seed', 'a non-negative integer', seed);
  if (!(maxBroken >= 0 && maxBroken <= 1))
    reject('maxBroken', 'a share between 0 and 1', maxBroken);
}
