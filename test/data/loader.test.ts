import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { spawnSync } from 'node:child_process';
import type { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { scanImageFolder, type ImageFolder } from '../../src/data/image_folder.js';
import { ImageLoader, type Batch, type LoaderOptions } from '../../src/data/loader.js';
import { randomStream } from '../../src/random.js';
import { InputError } from '../../src/errors.js';

const classes = ['ant', 'bee', 'cat'];
const perClass = 9;
let root: string;
let folder: ImageFolder;
let loaders: ImageLoader[] = [];

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'menet-loader-'));
  for (const [label, name] of classes.entries()) {
    mkdirSync(path.join(root, 'all', name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const random = randomStream(label, i, 0);
      const raw = { width: 40 + i, height: 30 + 5 * label, channels: 3 } as const;
      const bytes = Uint8Array.from({ length: raw.width * raw.height * 3 }, () => random() * 256);
      await sharp(bytes, { raw })
        .jpeg()
        .toFile(path.join(root, 'all', name, `${i}.jpg`));
    }
  }
  folder = await scanImageFolder(path.join(root, 'all'));
});
afterEach(async () => {
  await Promise.all(loaders.map((loader) => loader.close()));
  loaders = [];
});
afterAll(() => rmSync(root, { recursive: true }));

function load(options: Partial<LoaderOptions> = {}, from = folder): ImageLoader {
  const loader = new ImageLoader(from, {
    batchSize: 4,
    imageSize: 16,
    transform: 'aggressive_with_color_jitter',
    workers: 2,
    seed: 5,
    shuffle: true,
    ...options,
  });
  loaders.push(loader);
  return loader;
}

/** A copy of each batch: the loader reuses its memory. */
async function read(loader: ImageLoader, epoch: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader.epoch(epoch))
    batches.push({ ...batch, pixels: batch.pixels.slice() });
  return batches;
}

function digest(batches: Batch[]): string {
  const hash = createHash('sha256');
  for (const { pixels, labels, files } of batches)
    hash.update(pixels).update(labels).update(files.join());
  return hash.digest('hex');
}

const filesOf = (batches: Batch[]) => batches.flatMap(({ files }) => files);
const labelOf = new Map<string, number>();
beforeAll(() => folder.samples.forEach(({ file, label }) => labelOf.set(file, label)));

describe('order and content', () => {
  test('the same bytes for any number of workers, other ones for other seeds and epochs', async () => {
    const results = new Map<number, string[]>();
    for (const workers of [0, 1, 2, 3]) {
      const loader = load({ workers });
      const digests = [];
      for (const epoch of [0, 1, 0]) digests.push(digest(await read(loader, epoch)));
      results.set(workers, digests);
    }
    const [reference] = results.values();
    for (const digests of results.values()) expect(digests).toEqual(reference);
    expect(reference![0]).toBe(reference![2]);
    expect(reference![0]).not.toBe(reference![1]);
    const loader = load();
    expect(filesOf(await read(loader, 0))).not.toEqual(filesOf(await read(loader, 1)));
    expect(digest(await read(load({ seed: 6 }), 0))).not.toBe(reference![0]);
  });

  test('an epoch has every image once with its label; the last batch is smaller', async () => {
    const loader = load();
    const batches = await read(loader, 3);
    expect(loader.steps).toBe(7);
    expect(batches.map(({ size }) => size)).toEqual([4, 4, 4, 4, 4, 4, 3]);
    expect(filesOf(batches).sort()).toEqual(folder.samples.map(({ file }) => file).sort());
    for (const { files, labels, pixels, size } of batches) {
      expect(pixels.length).toBe(size * 16 * 16 * 3);
      expect([...labels]).toEqual(files.map((file) => labelOf.get(file)));
    }
    expect(filesOf(batches)).not.toEqual(folder.samples.map(({ file }) => file));
  });

  test('unshuffled in the order of the folder; dropLast leaves the remainder out', async () => {
    const loader = load({ shuffle: false, dropLast: true, transform: 'evaluate' });
    const batches = await read(loader, 0);
    expect(loader.steps).toBe(6);
    expect(filesOf(batches)).toEqual(folder.samples.slice(0, 24).map(({ file }) => file));
    expect(digest(await read(loader, 1))).toBe(digest(batches)); // nothing random in it
  });

  test('what an image becomes depends on its index, not on its place in a batch', async () => {
    const unshuffled = await read(load({ shuffle: false, batchSize: 27 }), 2);
    const shuffled = await read(load({ batchSize: 5 }), 2);
    const bytes = 16 * 16 * 3;
    for (const { files, pixels } of shuffled) {
      for (const [i, file] of files.entries()) {
        const at = unshuffled[0]!.files.indexOf(file) * bytes;
        const expected = unshuffled[0]!.pixels.slice(at, at + bytes);
        expect(pixels.slice(i * bytes, (i + 1) * bytes)).toEqual(expected);
      }
    }
  });

  test('an epoch taken up in the middle goes on with the same batches', async () => {
    const all = await read(load(), 2);
    const rest: Batch[] = [];
    for await (const batch of load().epoch(2, 5))
      rest.push({ ...batch, pixels: batch.pixels.slice() });
    expect(digest(rest)).toBe(digest(all.slice(5)));
    await expect(load().epoch(2, -1).next()).rejects.toThrow(/firstStep/);
  });

  test('memory is shared and reused', async () => {
    const buffers = new Set<ArrayBufferLike>();
    const loader = load();
    for (const epoch of [0, 1]) {
      for await (const { pixels } of loader.epoch(epoch)) buffers.add(pixels.buffer);
    }
    expect(buffers.size).toBe(3);
    for (const buffer of buffers) expect(buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe('broken images', () => {
  const broken = ['ant/1.jpg', 'bee/0.jpg', 'cat/8.jpg'];
  let damaged: ImageFolder;
  let names: string[];

  beforeAll(async () => {
    const copy = path.join(root, 'damaged');
    cpSync(path.join(root, 'all'), copy, { recursive: true });
    names = broken.map((name) => path.join(copy, name));
    truncateSync(names[0]!, 400);
    writeFileSync(names[1]!, '');
    writeFileSync(names[2]!, 'no image');
    damaged = await scanImageFolder(copy);
    damaged.samples.forEach(({ file, label }) => labelOf.set(file, label));
  });

  test.each([0, 2])('are left out and reported by name (%i workers)', async (workers) => {
    const loader = load({ workers, maxBroken: 0.2 }, damaged);
    const whole = load({ workers }, folder);
    for (const epoch of [0, 1]) {
      const batches = await read(loader, epoch);
      expect([...loader.skipped.keys()].sort()).toEqual(names);
      expect(loader.skipped.get(names[1]!)).toContain('empty file');
      expect(filesOf(batches).length).toBe(24);
      // The others are what they are in a folder without broken images.
      const expected = (await read(whole, epoch)).map(({ files, pixels }) => {
        const kept = files.map((file) => !broken.includes(path.relative(folder.root, file)));
        return pixels.filter((_, i) => kept[Math.floor(i / (16 * 16 * 3))]);
      });
      expect(batches.map(({ pixels }) => pixels)).toEqual(expected.filter(({ length }) => length));
      for (const { files, labels, size } of batches) {
        expect([...labels]).toEqual(files.map((file) => labelOf.get(file)));
        expect(labels.length).toBe(size);
      }
    }
  });

  test('a batch of nothing else is left out', async () => {
    const batches = await read(load({ batchSize: 1, maxBroken: 0.2 }, damaged), 0);
    expect(batches.length).toBe(24);
  });

  test('more than the stated share stop the run', async () => {
    const error: unknown = await read(load({}, damaged), 0).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(
      /at most 5 % broken images, got 2 of 27, the first: .*jpg/,
    );
    const exactly = load({ maxBroken: 3 / 27 }, damaged);
    await read(exactly, 0);
    expect(exactly.skipped.size).toBe(3);
    await expect(read(load({ maxBroken: 0 }, damaged), 0)).rejects.toThrow(/at most 0 %/);
  });
});

describe('interruptions', () => {
  test.each([0, 2])(
    'a loop left early frees the loader for the next epoch (%i workers)',
    async (workers) => {
      const loader = load({ workers, batchSize: 9 });
      const whole = load({ workers: 0, batchSize: 9 });
      for (const epoch of [0, 2, 4]) {
        for await (const batch of loader.epoch(epoch)) {
          expect(batch.size).toBe(9);
          break;
        }
        // The batches that were being decoded ahead do not spill into the next epoch's.
        expect(digest(await read(loader, epoch + 1))).toBe(digest(await read(whole, epoch + 1)));
      }
    },
  );

  test('a loop left early does not decode what was planned ahead', async () => {
    const samples = Array.from({ length: 1800 }, (_, i) => folder.samples[i % 27]!);
    const loader = load({ batchSize: 600, imageSize: 64 }, { ...folder, samples });
    const start = performance.now();
    const epoch = loader.epoch(0);
    await epoch.next();
    const first = performance.now();
    await epoch.return!();
    expect(performance.now() - first).toBeLessThan((first - start) / 2);
  });

  test('only one epoch at a time', async () => {
    const loader = load();
    const first = loader.epoch(0);
    await first.next();
    await expect(loader.epoch(1).next()).rejects.toThrow(/previous epoch is still being read/);
    await first.return!();
    expect((await loader.epoch(1).next()).done).toBe(false);
  });

  test('a thread that dies surfaces as an error, now and later', async () => {
    const loader = load();
    const epoch = loader.epoch(0);
    await epoch.next();
    const { workers } = loader['pool'] as unknown as { workers: Worker[] };
    await workers[1]!.terminate();
    const rest = (async () => {
      while (!(await epoch.next()).done);
    })();
    await expect(rest).rejects.toThrow(/a decode thread ended/);
    await expect(loader.epoch(1).next()).rejects.toThrow(/a decode thread ended/);
  });

  test.each([0, 2])('closing rejects the batch being waited for (%i workers)', async (workers) => {
    const loader = load({ workers, batchSize: 27 });
    const waiting = expect(loader.epoch(0).next()).rejects.toThrow('image loader: closed');
    await setImmediate();
    await loader.close();
    await waiting;
    await expect(loader.epoch(1).next()).rejects.toThrow('image loader: closed');
    await loader.close();
  });

  test('this thread stays free while threads decode', async () => {
    const loader = load({ batchSize: 27, workers: 1 });
    let ticks = 0;
    let done = false;
    const batch = read(loader, 0).finally(() => (done = true));
    while (!done) {
      await setImmediate();
      ticks++;
    }
    expect((await batch).length).toBe(1);
    expect(ticks).toBeGreaterThan(20);
  });

  test('an idle loader does not keep the process alive', () => {
    const dist = path.resolve(import.meta.dirname, '../../dist/data');
    const script = `
      const { ImageLoader } = await import(${JSON.stringify(path.join(dist, 'loader.js'))});
      const folder = ${JSON.stringify(folder)};
      const options = { batchSize: 4, imageSize: 16, transform: 'evaluate', workers: 2, seed: 1, shuffle: true };
      const unused = new ImageLoader(folder, options);
      let images = 0;
      for await (const batch of new ImageLoader(folder, options).epoch(0)) images += batch.size;
      console.log(images);`;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(result).toMatchObject({ status: 0, stdout: '27\n', stderr: '' });
  });
});

test.each([
  [{ batchSize: 0 }, /batchSize: expected a positive integer, got 0/],
  [{ imageSize: 1.5 }, /imageSize/],
  [{ workers: -1 }, /workers/],
  [{ seed: -1 }, /seed/],
  [{ maxBroken: 2 }, /maxBroken/],
  [{ transform: 'none' }, /transform/],
  [{ batchSize: 28, dropLast: true }, /images: expected at least 28, got 27/],
])('rejected: %o', async (options, message) => {
  expect(() => load(options)).toThrow(message);
  expect(() => load(options)).toThrow(InputError);
});

test('rejected: an epoch that is none', async () => {
  await expect(load().epoch(-1).next()).rejects.toThrow(/epoch: expected a non-negative integer/);
});
