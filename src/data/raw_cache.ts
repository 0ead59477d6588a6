import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { loadSharp } from './decode.js';
import type { ImageFolder } from './image_folder.js';
import { buildRawCache, type BuildOptions } from './raw_cache_builder.js';
import { openCacheFile, type CacheIndex, type OpenCacheFile } from './raw_cache_file.js';
import { evaluationSide } from './transforms.js';

/** The decoded images of a folder in one file, which loaders map into memory. */
export interface RawCache {
  file: string;
  /** The file, open: all threads take images from it, even if another one gets its name. */
  descriptor: number;
  /** Of which size its samples can be. */
  imageSize: number;
  /** `[images, 3]` float64, in the order of the folder: offset, width, height; width 0 where broken. */
  images: SharedArrayBuffer;
  /** Why an image could not be decoded, by its position. */
  broken: ReadonlyMap<number, string>;
}

export interface CacheOptions extends BuildOptions {
  /** Where caches are kept; made where it is missing. */
  directory: string;
  /** Side of the samples, in pixels. */
  imageSize: number;
}

/**
 * The cache of a folder for samples of `imageSize`, built if there is none. It is compared with
 * the folder by names, sizes and times of modification: what has changed is decoded anew.
 * @throws InputError for a damaged or foreign file in its place, and where a new one cannot be
 *   written
 */
export async function openRawCache(
  folder: ImageFolder,
  { directory, imageSize, ...options }: CacheOptions,
): Promise<RawCache> {
  const wanted = await describeFolder(folder, imageSize);
  const file = path.join(directory, cacheName(wanted));
  const found = openCacheFile(file);
  const usable = found && isOfSameKind(found.index, wanted) ? found : undefined;
  if (usable && isCurrent(usable.index, wanted)) return toCache(file, imageSize, usable);
  try {
    const files = folder.samples.map((sample) => sample.file);
    const index = usable ? keepUnchanged(wanted, usable.index) : wanted;
    const previous = usable?.descriptor;
    const built = await buildRawCache(file, index, files, { ...options, previous });
    return toCache(file, imageSize, built);
  } finally {
    if (found) closeSync(found.descriptor);
  }
}

/** Closes the file of a cache, once the loaders that use it are closed. */
export function closeRawCache({ descriptor }: RawCache): void {
  closeSync(descriptor);
}

/** What a cache of the folder is to be, without its pixels. */
async function describeFolder({ root, samples }: ImageFolder, imageSize: number) {
  const { versions } = await loadSharp();
  const none = () => samples.map(() => 0);
  const index: CacheIndex = {
    root: await realpath(root),
    shorterSide: evaluationSide(imageSize),
    decoder: `sharp ${versions.sharp}, libvips ${versions.vips}`,
    files: samples.map(({ file }) => path.relative(root, file)),
    sizes: none(),
    times: none(),
    offsets: none(),
    widths: none(),
    heights: none(),
    broken: [],
  };
  const chunk = 256; // as many requests as the system needs to be busy
  for (let from = 0; from < samples.length; from += chunk) {
    const statuses = samples.slice(from, from + chunk).map(({ file }) => sourceStatus(file));
    for (const [i, { size, mtimeMs }] of (await Promise.all(statuses)).entries()) {
      index.sizes[from + i] = size;
      index.times[from + i] = mtimeMs;
    }
  }
  return index;
}

async function sourceStatus(file: string): Promise<{ size: number; mtimeMs: number }> {
  try {
    return await stat(file);
  } catch {
    return { size: -1, mtimeMs: 0 }; // decoding says why
  }
}

/** A folder has a cache per shorter side; the name tells them apart, and folders of one name too. */
function cacheName({ root, shorterSide }: CacheIndex): string {
  const id = createHash('sha256').update(root).digest('hex').slice(0, 12);
  return `${path.basename(root)}-${id}-${shorterSide}.raw`;
}

/** Whether images that have not changed have the same pixels in both. */
function isOfSameKind(found: CacheIndex, wanted: CacheIndex): boolean {
  return (
    found.root === wanted.root &&
    found.shorterSide === wanted.shorterSide &&
    found.decoder === wanted.decoder
  );
}

function isCurrent(found: CacheIndex, wanted: CacheIndex): boolean {
  const same = (a: readonly unknown[], b: readonly unknown[]) =>
    a.length === b.length && a.every((value, i) => value === b[i]);
  return (
    same(found.files, wanted.files) &&
    same(found.sizes, wanted.sizes) &&
    same(found.times, wanted.times)
  );
}

/** Where the pixels of unchanged images are in the cache that was found. */
function keepUnchanged(wanted: CacheIndex, found: CacheIndex): CacheIndex {
  const positions = new Map(found.files.map((name, i) => [name, i]));
  const kept = wanted.files.map((name, i) => {
    const at = positions.get(name);
    const unchanged =
      at !== undefined &&
      found.sizes[at] === wanted.sizes[i] &&
      found.times[at] === wanted.times[i];
    return unchanged ? at : undefined;
  });
  const column = (values: number[]) => kept.map((at) => (at === undefined ? 0 : values[at]!));
  return {
    ...wanted,
    offsets: column(found.offsets),
    widths: column(found.widths),
    heights: column(found.heights),
  };
}

function toCache(file: string, imageSize: number, { descriptor, index }: OpenCacheFile): RawCache {
  const { offsets, widths, heights, broken } = index;
  const images = new SharedArrayBuffer(offsets.length * 3 * Float64Array.BYTES_PER_ELEMENT);
  const table = new Float64Array(images);
  for (let i = 0; i < offsets.length; i++) table.set([offsets[i]!, widths[i]!, heights[i]!], 3 * i);
  return { file, descriptor, imageSize, images, broken: new Map(broken) };
}
