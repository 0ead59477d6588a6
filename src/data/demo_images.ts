import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../errors.js';
import { makeFolder } from '../make_folder.js';
import { loadSharp } from './decode.js';
import { drawScene } from './demo_drawing.js';
import { shapes, type Shape } from './demo_shapes.js';
import { randomStream } from '../random.js';

export interface DemoImageOptions {
  seed: number;
  imagesPerClass: { train: number; valid: number };
  /** Side of the square pictures, in pixels. */
  imageSize: number;
}

/** Class names of the demo's images, sorted. */
export const demoClasses: readonly string[] = [...shapes.keys()];

/** Written last: tells which images are there, all of them. */
const recordName = 'demo_images.json';
const imagesInFlight = 8;

/**
 * Makes the demo's data set, JPEGs in `dir/train/CLASS/` and `dir/valid/CLASS/`: eight
 * kinds of shapes that differ in nothing but their outline. The same options give the
 * same bytes; where they were used for `dir` before, nothing is done.
 * @returns the two folders, for scanImageFolder
 * @throws InputError if `dir` holds images that were not made with these options.
 */
export async function makeDemoImages(
  dir: string,
  options: DemoImageOptions,
): Promise<{ train: string; valid: string }> {
  const folders = { train: path.join(dir, 'train'), valid: path.join(dir, 'valid') };
  const record = JSON.stringify(options);
  if (await isMade(dir, record)) return folders;
  const { seed, imagesPerClass, imageSize } = options;
  for (const [part, name] of (['train', 'valid'] as const).entries()) {
    for (const [label, [className, shape]] of [...shapes].entries()) {
      const folder = path.join(folders[name], className);
      makeFolder(folder);
      const stream = part * shapes.size + label;
      await inParallel(imagesPerClass[name], (index) =>
        writeImage(path.join(folder, `${className}_${index}.jpg`), shape, imageSize, [
          seed,
          stream,
          index,
        ]),
      );
    }
  }
  await writeFile(path.join(dir, recordName), record);
  return folders;
}

async function writeImage(
  file: string,
  shape: Shape,
  size: number,
  stream: [seed: number, epoch: number, index: number],
): Promise<void> {
  const sharp = await loadSharp();
  const pixels = drawScene(shape, size, randomStream(...stream));
  const image = sharp(pixels, { raw: { width: size, height: size, channels: 3 } });
  await image.jpeg({ quality: 92 }).toFile(file);
}

/** Whether these very images are there already. */
async function isMade(dir: string, record: string): Promise<boolean> {
  const present: string[] = await readdir(dir).catch(() => []);
  if (present.includes(recordName)) {
    const found = await readFile(path.join(dir, recordName), 'utf8');
    if (found === record) return true;
    throw new InputError(`${dir}: expected the demo images ${record}, got ${found}`);
  }
  if (present.includes('train') || present.includes('valid')) {
    throw new InputError(`${dir}: expected no images or a complete set of demo images, got others`);
  }
  return false;
}

async function inParallel(count: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: imagesInFlight }, run));
}
