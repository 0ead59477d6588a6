import { readSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../errors.js';
import type { Pixels } from '../native_images.js';
import { readImage } from './decode.js';
import { imageKernels } from './image_kernels.js';
import { shorterSideTo } from './transforms.js';

/* A thread that fills a raw cache: it takes images until none is left, and puts them where there is room. */

export interface CacheJob {
  files: string[];
  shorterSide: number;
  /** File descriptors, which all threads share: of the cache in the making, and of the previous one. */
  target: number;
  previous?: number;
  /** `[files, 3]` float64: offset, width, height. Before, those in the previous cache; width 0 where it has none. */
  images: SharedArrayBuffer;
  /** int32: the image to take next, and how many are done. */
  counters: SharedArrayBuffer;
  /** int64: where the cache's images end. */
  end: SharedArrayBuffer;
}

export interface CacheAnswer {
  broken: [number, string][];
  /** The system refused to read or to write. */
  failure?: { code?: string; syscall?: string; message: string };
}

const imagesInFlight = 2;
const { files, shorterSide, target, previous, ...shared } = workerData as CacheJob;
const images = new Float64Array(shared.images);
const counters = new Int32Array(shared.counters);
const end = new BigInt64Array(shared.end);
const answer: CacheAnswer = { broken: [] };

async function takeImages(): Promise<void> {
  for (;;) {
    const index = Atomics.add(counters, 0, 1);
    const file = files[index];
    if (file === undefined) return;
    try {
      store(index, keptImage(index) ?? shrink(await readImage(file)));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      images.fill(0, 3 * index, 3 * index + 3);
      answer.broken.push([index, error.message]);
    }
    Atomics.add(counters, 1, 1);
  }
}

/** The image as the previous cache has it. */
function keptImage(index: number): Pixels | undefined {
  const [offset, width, height] = images.subarray(3 * index, 3 * index + 3) as unknown as number[];
  if (previous === undefined || !width) return undefined;
  const data = new Uint8Array(width * height! * 3);
  let done = 0;
  while (done < data.length) {
    const count = readSync(previous, data, done, data.length - done, offset! + done);
    if (count === 0) return undefined; // cut meanwhile
    done += count;
  }
  return { data, width, height: height! };
}

function shrink(image: Pixels): Pixels {
  const { width, height } = image;
  if (Math.min(width, height) <= shorterSide) return image;
  const resized = shorterSideTo(image, shorterSide);
  const source = { left: 0, top: 0, width, height };
  const data = new Uint8Array(resized.width * resized.height * 3);
  const crop = { left: 0, top: 0, ...resized };
  imageKernels().resample(image, { source, resized, crop, flip: false }, data);
  return { data, ...resized };
}

function store(index: number, { data, width, height }: Pixels): void {
  const offset = Number(Atomics.add(end, 0, BigInt(data.length)));
  let done = 0;
  while (done < data.length)
    done += writeSync(target, data, done, data.length - done, offset + done);
  images.set([offset, width, height], 3 * index);
}

try {
  await Promise.all(Array.from({ length: imagesInFlight }, takeImages));
} catch (error) {
  Atomics.store(counters, 0, 2 ** 30); // nobody needs to go on
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  answer.failure = { code, syscall, message };
}
parentPort!.postMessage(answer);
