import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { writeFailure } from '../checkpoints/atomic_file.js';
import { RunError } from '../errors.js';
import { makeFolder } from '../make_folder.js';
import { encodeIndex, headerBytes, type CacheIndex, type OpenCacheFile } from './raw_cache_file.js';
import type { CacheAnswer, CacheJob } from './raw_cache_worker.js';

/** Under a test runner this module is TypeScript, which a thread cannot load: take the built one. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/data/raw_cache_worker.js' : './raw_cache_worker.js',
  import.meta.url,
);

const progressEvery = 200; // ms
/** At least; fewer are decoded before another thread has started. */
const imagesPerThread = 8;

export interface BuildOptions {
  /** Told now and then how many images are done. */
  progress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Builds a cache in a temporary file beside `file`, which it becomes at the end: whoever opens
 * `file` has the old cache or the new one, and of several builders the last one's stays.
 * @param index what the cache is to hold; the columns of pixels say where in `previous`, a file
 *   descriptor, they are (width 0: nowhere), and come back as they are in the new one
 * @returns the new file, open
 * @throws InputError where the system refuses to write, as a full disk does, and RunError where
 *   `signal` interrupts it; nothing is left
 */
export async function buildRawCache(
  file: string,
  index: CacheIndex,
  files: string[],
  { previous, ...options }: BuildOptions & { previous?: number },
): Promise<OpenCacheFile> {
  throwIfInterrupted(options.signal);
  try {
    makeFolder(path.dirname(file));
    removeAbandoned(file);
    return await replace(file, (temporary) => fill(temporary, index, files, previous, options));
  } catch (error) {
    throw writeFailure(file, error);
  }
}

async function replace<T>(file: string, write: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = temporaryName(file);
  try {
    const result = await write(temporary);
    renameSync(temporary, file);
    return result;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

async function fill(
  temporary: string,
  index: CacheIndex,
  files: string[],
  previous: number | undefined,
  options: BuildOptions,
): Promise<OpenCacheFile> {
  const descriptor = openSync(temporary, 'wx+');
  try {
    const job = createJob(index, files, descriptor, previous);
    const broken = await runThreads(job, options);
    const end = Number(new BigInt64Array(job.end)[0]);
    const built = { ...index, ...columns(job.images), broken };
    for (const [bytes, position] of encodeIndex(built, end)) writeAt(descriptor, bytes, position);
    fsyncSync(descriptor);
    return { descriptor, index: built };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function createJob(
  { shorterSide, offsets, widths, heights }: CacheIndex,
  files: string[],
  target: number,
  previous: number | undefined,
): CacheJob {
  const images = new SharedArrayBuffer(files.length * 3 * Float64Array.BYTES_PER_ELEMENT);
  const table = new Float64Array(images);
  for (let i = 0; i < files.length; i++) table.set([offsets[i]!, widths[i]!, heights[i]!], 3 * i);
  const counters = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const end = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  new BigInt64Array(end)[0] = BigInt(headerBytes);
  return { files, shorterSide, target, previous, images, counters, end };
}

/** Runs up to a thread per core until all images are stored; returns the broken ones in order. */
async function runThreads(job: CacheJob, { progress, signal }: BuildOptions) {
  const counters = new Int32Array(job.counters);
  const stop = () => Atomics.store(counters, 0, 2 ** 30);
  signal?.addEventListener('abort', stop);
  const timer = setInterval(() => progress?.(counters[1]!, job.files.length), progressEvery);
  try {
    const count = Math.min(availableParallelism(), Math.ceil(job.files.length / imagesPerThread));
    const threads = Array.from({ length: count }, () => runThread(job));
    for (const thread of threads) thread.catch(stop);
    await Promise.allSettled(threads); // the others write to the file as long as they run
    const answers = await Promise.all(threads);
    const failure = answers.find(({ failure }) => failure)?.failure;
    if (failure) throw Object.assign(new Error(failure.message), failure);
    throwIfInterrupted(signal);
    progress?.(job.files.length, job.files.length);
    return answers.flatMap(({ broken }) => broken).sort(([a], [b]) => a - b);
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
  }
}

function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new RunError('interrupted while building the cache; it was not kept');
}

function runThread(job: CacheJob): Promise<CacheAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerFile, { workerData: job, execArgv: [] });
    worker.on('message', resolve).on('error', reject);
    worker.on('exit', () => reject(new Error('a thread that builds the cache ended')));
  });
}

function columns(images: SharedArrayBuffer) {
  const table = new Float64Array(images);
  const column = (c: number) =>
    Array.from({ length: table.length / 3 }, (_, i) => table[3 * i + c]!);
  return { offsets: column(0), widths: column(1), heights: column(2) };
}

function writeAt(descriptor: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length)
    done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}

/** Tells whose it is, so that another builder can see whether it was abandoned. */
function temporaryName(file: string): string {
  const owner = `${hostname()}.${process.pid}.${randomBytes(6).toString('hex')}`;
  return path.join(path.dirname(file), `.${path.basename(file)}.${owner}.part`);
}

/** Removes what builders of this cache left that were killed on this machine. */
function removeAbandoned(file: string): void {
  const prefix = `.${path.basename(file)}.${hostname()}.`;
  for (const name of readdirSync(path.dirname(file))) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)\.[0-9a-f]{12}\.part$/.exec(name.slice(prefix.length))?.[1];
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(path.join(path.dirname(file), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
