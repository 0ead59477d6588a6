/** File systems without hard links: the same names, written as copies. */
import type * as files from 'node:fs';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import type * as promises from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CheckpointStore } from '../../src/train/checkpoint_store.js';
import { RunLock } from '../../src/train/run_lock.js';

const refusal = Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'link' });
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof files>()),
  linkSync: () => {
    throw refusal;
  },
}));
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof promises>()),
  link: () => Promise.reject(refusal),
}));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'menet-links-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keep an epoch under all its names', async () => {
  const store = new CheckpointStore(folder, { keep: 1 });
  const checkpoint = { tensors: new Map(), metadata: { epoch: 0 } };
  await store.saveEpoch(0, checkpoint, checkpoint);
  const names = ['best.safetensors', 'epoch-0001.safetensors', 'last.safetensors'];
  expect((await readdir(folder)).sort()).toEqual(names);
  const [best, epoch, last] = names.map((name) => readFileSync(path.join(folder, name), 'utf8'));
  expect([best, last]).toEqual([epoch, epoch]);
  expect(statSync(store.last).ino).not.toBe(statSync(store.best).ino);
});

it('lock a run', () => {
  const lock = new RunLock(folder);
  expect(() => new RunLock(folder)).toThrow(`got process ${process.pid}`);
  lock.release();
  new RunLock(folder).release();
});
