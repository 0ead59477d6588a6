import type { ImageFolder } from '../data/image_folder.js';
import { ImageLoader } from '../data/loader.js';
import { closeRawCache, type RawCache } from '../data/raw_cache.js';
import { augmentationOf, type DataConfig } from './data_config.js';
import { openFolderCache, type CacheRequest } from './folder_cache.js';

/** What a run reads. */
export interface RunLoaders {
  train: ImageLoader;
  valid: ImageLoader;
  close(): Promise<void>;
}

/** The loaders of a run, with caches where they are asked for. */
export async function openLoaders(
  folders: { train: ImageFolder; valid: ImageFolder },
  data: DataConfig,
  seed: number,
  request: CacheRequest,
): Promise<RunLoaders> {
  const trainCache = await openFolderCache(folders.train, data, request);
  const validCache = await openFolderCache(folders.valid, data, request).catch((error: unknown) => {
    if (trainCache) closeRawCache(trainCache);
    throw error;
  });
  const train = trainLoader(folders.train, data, seed, trainCache);
  const valid = evaluationLoader(folders.valid, data, validCache);
  const close = async () => {
    await Promise.all([train.close(), valid.close()]);
    for (const cache of [trainCache, validCache]) if (cache) closeRawCache(cache);
  };
  return { train, valid, close };
}

function trainLoader(
  folder: ImageFolder,
  data: DataConfig,
  seed: number,
  cache: RawCache | undefined,
): ImageLoader {
  return new ImageLoader(folder, {
    batchSize: data.batch_size,
    imageSize: data.image_size,
    transform: data.transform,
    ...augmentationOf(data),
    workers: data.num_workers,
    seed,
    shuffle: true,
    cache,
    // A short last batch has noisy batch statistics; a folder smaller than a batch has no other.
    dropLast: folder.samples.length >= data.batch_size,
  });
}

/** The images of a folder in order, scaled and cropped for evaluation. */
export function evaluationLoader(
  folder: ImageFolder,
  data: DataConfig,
  cache?: RawCache,
): ImageLoader {
  return new ImageLoader(folder, {
    batchSize: data.batch_size,
    imageSize: data.image_size,
    transform: 'evaluate',
    workers: data.num_workers,
    seed: 0,
    shuffle: false,
    cache,
  });
}
