import { createHash } from 'node:crypto';
import { execFile, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { crc32 } from '../../src/checkpoints/crc32.js';
import { PlainImageFile } from '../../src/data/cached_images.js';
import { scanImageFolder, type ImageFolder } from '../../src/data/image_folder.js';
import { ImageLoader, type LoaderOptions } from '../../src/data/loader.js';
import { closeRawCache, openRawCache, type RawCache } from '../../src/data/raw_cache.js';
import { InputError } from '../../src/errors.js';
import { native } from '../../src/native.js';
import { randomStream } from '../../src/random.js';

const imageSize = 32; // of which the shorter side is 37
let scratch: string;
let original: string;
let root: string;
let directory: string;
let opened: RawCache[] = [];

beforeAll(async () => {
  scratch = mkdtempSync(path.join(os.tmpdir(), 'menet-cache-'));
  original = path.join(scratch, 'original');
  for (const [label, name] of ['ant', 'bee'].entries()) {
    mkdirSync(path.join(original, name), { recursive: true });
    for (let i = 0; i < 6; i++) {
      const random = randomStream(label, i, 0);
      // Both orientations; the last one is smaller than the cache's images.
      const raw = { width: i < 5 ? 60 + 7 * i : 40, height: i < 5 ? 80 : 30, channels: 3 } as const;
      const bytes = Uint8Array.from({ length: raw.width * raw.height * 3 }, () => random() * 256);
      await sharp(bytes, { raw })
        .jpeg()
        .toFile(path.join(original, name, `${i}.jpg`));
    }
  }
});
beforeEach(() => {
  root = path.join(mkdtempSync(path.join(scratch, 'test-')), 'images');
  directory = path.join(path.dirname(root), 'caches', 'deep');
  cpSync(original, root, { recursive: true, preserveTimestamps: true });
});
afterEach(() => {
  opened.forEach(closeRawCache);
  opened = [];
});
afterAll(() => rmSync(scratch, { recursive: true }));

async function open(options: Partial<Parameters<typeof openRawCache>[1]> = {}) {
  const folder = await scanImageFolder(root);
  const cache = await openRawCache(folder, { directory, imageSize, ...options });
  opened.push(cache);
  return { folder, cache };
}

async function pixels(
  folder: ImageFolder,
  options: Partial<LoaderOptions>,
): Promise<{ bytes: string; skipped: string[] }> {
  const loader = new ImageLoader(folder, {
    ...{ batchSize: 5, imageSize, transform: 'evaluate', workers: 2, seed: 3, shuffle: false },
    maxBroken: 0.5,
    ...options,
  });
  const chunks: Buffer[] = [];
  try {
    for await (const batch of loader.epoch(1)) chunks.push(Buffer.from(batch.pixels));
  } finally {
    await loader.close();
  }
  return { bytes: sha256(Buffer.concat(chunks)), skipped: [...loader.skipped.values()] };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const inode = ({ file }: RawCache) => statSync(file).ino;
const parts = () => readdirSync(directory).filter((name) => name.endsWith('.part'));

describe('pixels', () => {
  test.each(['evaluate', 'conservative', 'conservative_with_color_jitter'])(
    '%s: those of decoding, to the bit',
    async (transform) => {
      const { folder, cache } = await open();
      expect(await pixels(folder, { transform, cache })).toEqual(
        await pixels(folder, { transform }),
      );
    },
  );

  test('random crops: the same for any number of workers, and others than decoding', async () => {
    const { folder, cache } = await open();
    const transform = 'more_aggressive_with_color_jitter';
    const [none, one, many] = await Promise.all(
      [0, 1, 9].map((workers) => pixels(folder, { transform, cache, workers })),
    );
    expect(one).toEqual(none);
    expect(many).toEqual(none);
    expect(none).not.toEqual(await pixels(folder, { transform }));
  });

  test('images smaller than the cache makes them are stored as they are', async () => {
    const { folder, cache } = await open();
    const small = folder.samples.findIndex(({ file }) => file.endsWith('5.jpg'));
    expect([...new Float64Array(cache.images).slice(3 * small + 1, 3 * small + 3)]).toEqual([
      40, 30,
    ]);
    const samples = folder.samples.filter(({ file }) => file.endsWith('5.jpg'));
    const only = { ...folder, samples };
    const images = await openRawCache(only, { directory: path.join(directory, 'b'), imageSize });
    opened.push(images);
    const transform = 'more_aggressive';
    expect(await pixels(only, { transform, cache: images })).toEqual(
      await pixels(only, { transform }),
    );
  });

  test('are the same where no binary maps the file', async () => {
    const { cache } = await open();
    const [offset, width, height] = [...new Float64Array(cache.images)];
    const image = { offset: offset!, width: width!, height: height! };
    const crop = { left: 1, top: 2, width: 20, height: 19 };
    const source = { left: 0, top: 0, width: width!, height: height! };
    const placement = { source, resized: { width: 31, height: 40 }, crop, flip: true };
    const [mapped, plain] = [native().images.ImageFile, PlainImageFile].map((File) => {
      const file = new File(cache.descriptor, cache.file);
      const out = new Uint8Array(20 * 19 * 3);
      file.resample(image, placement, out);
      expect(() => file.resample({ ...image, offset: 2 ** 40 }, placement, out)).toThrow(
        /bytes at/,
      );
      return out;
    });
    expect(mapped).toEqual(plain);
  });
});

describe('what has changed', () => {
  test('nothing: the cache stays, and nothing is written', async () => {
    const first = await open();
    const file = inode(first.cache);
    const before = statSync(directory).mtimeMs;
    const second = await open();
    expect(inode(second.cache)).toBe(file);
    expect(statSync(directory).mtimeMs).toBe(before);
    expect(second.cache).toEqual({ ...first.cache, descriptor: second.cache.descriptor });
  });

  const changes: [string, () => void][] = [
    [
      'content of another length and the same time',
      () => {
        const file = path.join(root, 'bee/0.jpg');
        const { atime, mtime } = statSync(file);
        copyFileSync(path.join(root, 'ant/3.jpg'), file);
        utimesSync(file, atime, mtime);
      },
    ],
    ['a time alone', () => utimesSync(path.join(root, 'ant/2.jpg'), 1, 1)],
    [
      'a file more',
      () => copyFileSync(path.join(root, 'ant/1.jpg'), path.join(root, 'ant/1a.jpg')),
    ],
    ['a file less', () => rmSync(path.join(root, 'ant/4.jpg'))],
    ['a broken file', () => writeFileSync(path.join(root, 'bee/1.jpg'), 'none')],
    [
      'an unchanged name for another file of the same length',
      () => {
        const file = path.join(root, 'bee/2.jpg');
        writeFileSync(file, readFileSync(file).fill(0, 200));
      },
    ],
  ];
  test.each(changes)('%s: the cache follows', async (_, change) => {
    const before = inode((await open()).cache);
    change();
    const { folder, cache } = await open();
    expect(inode(cache)).not.toBe(before);
    expect(await pixels(folder, { cache })).toEqual(await pixels(folder, {}));
    expect(inode((await open()).cache)).toBe(inode(cache));
  });

  test('images that have not changed are taken from the previous cache', async () => {
    const { cache } = await open();
    // Marks one image in the cache: it would not survive being decoded anew.
    const [offset] = new Float64Array(cache.images);
    const bytes = readFileSync(cache.file);
    bytes.fill(77, offset, offset! + 300);
    writeFileSync(cache.file, bytes);
    rmSync(path.join(root, 'bee/3.jpg'));
    const { cache: next } = await open();
    const [moved] = new Float64Array(next.images);
    expect([...readFileSync(next.file).subarray(moved, moved! + 300)]).toEqual(
      new Array(300).fill(77),
    );
  });

  test('a running loader keeps the cache that it has opened', async () => {
    const { folder, cache } = await open();
    const expected = await pixels(folder, { cache });
    const options = { batchSize: 5, imageSize, transform: 'evaluate', workers: 1, seed: 3, cache };
    const loader = new ImageLoader(folder, { ...options, shuffle: false });
    const chunks: Buffer[] = [];
    for await (const batch of loader.epoch(0)) {
      if (chunks.length === 0) {
        utimesSync(path.join(root, 'ant/2.jpg'), 1, 1);
        await open();
      }
      chunks.push(Buffer.from(batch.pixels));
    }
    await loader.close();
    expect(sha256(Buffer.concat(chunks))).toBe(expected.bytes);
  });

  test('another size of images has a cache of its own', async () => {
    const first = await open();
    const file = inode(first.cache);
    const second = await open({ imageSize: 48 });
    expect(second.cache.file).not.toBe(first.cache.file);
    expect(inode((await open()).cache)).toBe(file);
    await expect(pixels(second.folder, { cache: second.cache })).rejects.toThrow(
      /imageSize: expected 32, that of the loader, got 48/,
    );
  });
});

test('broken images are left out with the reason that decoding gives', async () => {
  writeFileSync(path.join(root, 'ant/0.jpg'), '');
  truncateSync(path.join(root, 'bee/4.jpg'), 500);
  const { folder, cache } = await open();
  const decoded = await pixels(folder, {});
  expect(decoded.skipped).toHaveLength(2);
  // What libvips says can be another thread's error.
  const known = ({ bytes, skipped }: typeof decoded) => ({
    bytes,
    skipped: skipped.map((reason) => reason.replace(/\(.*/, '')),
  });
  expect(known(await pixels(folder, { cache }))).toEqual(known(decoded));
  await expect(pixels(folder, { cache, maxBroken: 0.05 })).rejects.toThrow(
    /at most 5 % broken images, got \d of 12, the first: .*(empty file|cannot be decoded)/,
  );
});

describe('a file in its place', () => {
  const damages: [string, (file: string) => void, RegExp][] = [
    ['foreign', (file) => writeFileSync(file, 'something else'), /got a file of another kind/],
    ['empty', (file) => writeFileSync(file, ''), /got a file of another kind/],
    ['nothing but a beginning', (file) => truncateSync(file, 12), /got 12 bytes/],
    ['cut', (file) => truncateSync(file, statSync(file).size - 1), /got \d+ of \d+ bytes/],
    ['longer', (file) => appendFileSync(file, 'x'), /got \d+ of \d+ bytes/],
    ['damaged in its index', (file) => overwrite(file, statSync(file).size - 9), /damaged index/],
    ['damaged in its header', (file) => overwrite(file, 29), /a damaged (header|index)/],
    ['a folder', (file) => (rmSync(file), mkdirSync(file)), /raw cache, got (no file|something)/],
  ];
  test.each(damages)('%s: bad input, named', async (_, damage, found) => {
    const { cache } = await open();
    damage(cache.file);
    const error: unknown = await open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(/: expected a raw cache, got .*; without the file/);
    expect((error as Error).message).toMatch(found);
    expect((error as Error).message).toContain(cache.file);
  });

  test('of another format: built anew', async () => {
    const { cache } = await open();
    overwrite(cache.file, 8);
    const { folder, cache: next } = await open();
    expect(await pixels(folder, { cache: next })).toEqual(await pixels(folder, {}));
  });

  test('of another decoder: decoded anew', async () => {
    const { folder, cache } = await open();
    const bytes = readFileSync(cache.file);
    const [offset, width, height] = new Float64Array(cache.images);
    bytes.fill(77, offset, offset! + width! * height! * 3); // as another decoder might see it
    const index = bytes.subarray(bytes.readDoubleLE(24));
    index.write('shirp', index.indexOf('sharp '));
    bytes.writeUInt32LE(crc32(index), 12);
    writeFileSync(cache.file, bytes);
    expect(await pixels(folder, { cache: (await open()).cache })).toEqual(await pixels(folder, {}));
  });

  test.each([0, 1])('cut while it is in use: an error, no crash (%i workers)', async (workers) => {
    const { folder, cache } = await open();
    const options = { batchSize: 4, imageSize, transform: 'evaluate', workers, seed: 1, cache };
    const loader = new ImageLoader(folder, { ...options, shuffle: false });
    const epoch = async () => {
      for await (const { size } of loader.epoch(0)) expect(size).toBe(4);
    };
    await epoch();
    truncateSync(cache.file, 100);
    const error: unknown = await epoch().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(
      /at most 5 % broken images, got \d of 12, the first: .*\.raw: expected \d+ bytes at \d+, got a file of 100/,
    );
    await loader.close();
  });

  function overwrite(file: string, position: number): void {
    const bytes = readFileSync(file);
    bytes[position]! ^= 0x55;
    writeFileSync(file, bytes);
  }
});

describe('building', () => {
  const build = path.resolve(import.meta.dirname, '../../dist/data');

  /** Opens the cache in a process of its own. */
  function openElsewhere(prefix = '') {
    const script = `
      const { openRawCache } = await import(${JSON.stringify(path.join(build, 'raw_cache.js'))});
      const { scanImageFolder } = await import(${JSON.stringify(path.join(build, 'image_folder.js'))});
      const folder = await scanImageFolder(${JSON.stringify(root)});
      const options = { directory: ${JSON.stringify(directory)}, imageSize: ${imageSize} };
      await openRawCache(folder, options).catch(({ name, message }) => console.log(name, message));`;
    const command = `${prefix} exec "$0" --input-type=module -e "$1"`;
    return promisify(execFile)('/bin/sh', ['-c', command, process.execPath, script]);
  }

  test('tells how it gets on', async () => {
    const told: [number, number][] = [];
    await open({ progress: (done, total) => told.push([done, total]) });
    expect(told.at(-1)).toEqual([12, 12]);
  });

  test('by several at a time: each has a whole cache, and nothing else is left', async () => {
    const [one, two] = await Promise.all([open(), open(), openElsewhere(), openElsewhere()]);
    const decoded = await pixels(one.folder, {});
    for (const { cache } of [one, two, await open()])
      expect(await pixels(one.folder, { cache })).toEqual(decoded);
    expect(readdirSync(directory)).toEqual([path.basename(one.cache.file)]);
  });

  test('interrupted: nothing is left; before: it does not begin', async () => {
    const early = open({ signal: AbortSignal.abort() });
    await expect(early).rejects.toThrow(/interrupted while building the cache/);
    expect(existsSync(directory)).toBe(false);
    const stop = new AbortController();
    vi.spyOn(stop.signal, 'addEventListener').mockImplementation(() => stop.abort());
    await expect(open({ signal: stop.signal })).rejects.toThrow(/interrupted/);
    expect(readdirSync(directory)).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')(
    'killed: the next one removes what was left, and of nobody else',
    async () => {
      mkdirSync(directory, { recursive: true });
      const { cache } = await open();
      rmSync(cache.file);
      const ended = spawnSync('true');
      const name = path.basename(cache.file);
      const part = (pid: number, host = os.hostname()) =>
        `.${name}.${host}.${pid}.0123456789ab.part`;
      const others = [part(process.pid), part(ended.pid, 'elsewhere')];
      for (const left of [part(ended.pid), ...others])
        writeFileSync(path.join(directory, left), '');
      await open();
      expect(parts().sort()).toEqual(others.sort());
    },
  );

  test.skipIf(process.platform === 'win32')(
    'without room: one line, and nothing left',
    async () => {
      // The limit is the only one that can be set here; a full disk takes the same way.
      const { stdout } = await openElsewhere('ulimit -f 40;');
      expect(stdout).toMatch(
        /^InputError .*\.raw: expected to be able to write it, got a limit on file sizes \(EFBIG\)\n$/,
      );
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  test('where there can be no folder: one line', async () => {
    mkdirSync(path.dirname(directory), { recursive: true });
    writeFileSync(directory, '');
    await expect(open()).rejects.toThrow(/\.raw: expected to be able to write it, got .*\(E/);
    await expect(open()).rejects.toThrow(InputError);
  });
});
