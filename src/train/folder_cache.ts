import type { ImageFolder } from '../data/image_folder.js';
import { openRawCache, type RawCache } from '../data/raw_cache.js';
import type { DataConfig } from './data_config.js';
import type { Progress } from './progress.js';

export interface CacheRequest {
  /** Folder of raw caches; without one, images are decoded each time. */
  cache?: string;
  progress: Progress;
  signal?: AbortSignal;
}

/** The raw cache of a folder if there is to be one; what is missing is built, and that is told. */
export async function openFolderCache(
  folder: ImageFolder,
  data: DataConfig,
  { cache, progress, signal }: CacheRequest,
): Promise<RawCache | undefined> {
  if (cache === undefined) return undefined;
  let told = 0;
  const tell = (done: number, total: number): void => {
    const tenth = Math.floor((done / total) * 10);
    if (tenth === told) return;
    told = tenth;
    progress.note(`cache of ${folder.root}: ${done} of ${total} images`);
  };
  const options = { directory: cache, imageSize: data.image_size, progress: tell, signal };
  return openRawCache(folder, options);
}
