import type { FileHandle } from 'node:fs/promises';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeFileAtomic } from '../../src/checkpoints/atomic_file.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'menet-atomic-'));
  file = path.join(folder, 'f');
});
afterEach(() => rm(folder, { recursive: true }));

test('writes the chunks in order and leaves no other file', async () => {
  await writeFile(file, 'old, and longer than the new');
  await writeFileAtomic(file, [Buffer.from('new '), Buffer.alloc(0), Buffer.from('content')]);
  expect(await readFile(file, 'utf8')).toBe('new content');
  expect(await readdir(folder)).toEqual(['f']);
});

test('the content is on the disk before it has the name, and the name before it ends', async () => {
  const handle = await open(folder);
  const kind = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const synced: string[][] = [];
  const sync = vi.spyOn(kind, 'sync').mockImplementation(async () => {
    synced.push((await readdir(folder)).filter((name) => name === 'f'));
  });
  await writeFileAtomic(file, [Buffer.from('content')]);
  sync.mockRestore();
  expect(synced).toEqual(process.platform === 'win32' ? [[]] : [[], ['f']]);
});

test('a failure half way leaves the old file alone', async () => {
  await writeFile(file, 'old');
  function* failing(): Generator<Uint8Array> {
    yield Buffer.from('half');
    throw new Error('disk full');
  }
  await expect(writeFileAtomic(file, failing())).rejects.toThrow('disk full');
  expect(await readFile(file, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['f']);
});

test('a failing rename leaves no temporary file', async () => {
  await mkdir(file);
  await expect(writeFileAtomic(file, [Buffer.from('x')])).rejects.toThrow('EISDIR');
  expect(await readdir(folder)).toEqual(['f']);
});

test('the folder must be there', async () => {
  await expect(writeFileAtomic(path.join(file, 'f'), [])).rejects.toThrow('ENOENT');
});

test('a reader never sees a mixture', async () => {
  const versions = [Buffer.alloc(1 << 20, 'a'), Buffer.alloc(1 << 20, 'b')];
  await writeFileAtomic(file, [versions[0]!]);
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 20; i++) {
      const version = versions[i % 2]!;
      await writeFileAtomic(file, [version.subarray(0, 1000), version.subarray(1000)]);
    }
    writing = false;
  })();
  while (writing) {
    const seen = await readFile(file);
    expect(versions.some((version) => version.equals(seen))).toBe(true);
  }
  await writer;
});
