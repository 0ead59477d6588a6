import { readSync } from 'node:fs';
import { InputError } from '../errors.js';
import { findNative } from '../native.js';
import type { ImageFile, Placement, StoredImage } from '../native_images.js';
import type { SampleImage } from './decode.js';
import type { RawCache } from './raw_cache.js';
import { resample } from './resample.js';

/** The images of a raw cache, mapped into memory. */
export class CachedImages {
  private readonly file: ImageFile;
  private readonly images: Float64Array;

  constructor(private readonly cache: RawCache) {
    const File = findNative()?.images.ImageFile ?? PlainImageFile;
    this.file = new File(cache.descriptor, cache.file);
    this.images = new Float64Array(cache.images);
  }

  /**
   * @throws InputError for an image that was broken when the cache was built; `resample` throws one
   *   where the file was cut meanwhile
   */
  get(index: number): SampleImage {
    const [offset, width, height] = this.images.subarray(3 * index, 3 * index + 3);
    if (!width) throw new InputError(this.cache.broken.get(index));
    const image = { offset: offset!, width, height: height! };
    return {
      ...image,
      resample: (placement, out) => {
        try {
          this.file.resample(image, placement, out);
        } catch (error) {
          throw new InputError((error as Error).message);
        }
      },
    };
  }
}

/** Reads images where no binary loads that would map the file. */
export class PlainImageFile implements ImageFile {
  constructor(
    private readonly descriptor: number,
    private readonly path: string,
  ) {}

  resample({ offset, width, height }: StoredImage, placement: Placement, out: Uint8Array): void {
    const data = new Uint8Array(width * height * 3);
    const count = readSync(this.descriptor, data, 0, data.length, offset);
    if (count < data.length)
      throw new Error(
        `${this.path}: expected ${data.length} bytes at ${offset}, got a file of ${offset + count}`,
      );
    resample({ data, width, height }, placement, out);
  }
}
