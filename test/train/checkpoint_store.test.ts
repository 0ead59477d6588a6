import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readCheckpoint, type Checkpoint } from '../../src/checkpoints/checkpoint.js';
import { CheckpointStore } from '../../src/train/checkpoint_store.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'menet-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const checkpoint = (epoch: number): Checkpoint => ({
  tensors: new Map([['w', { shape: [2], data: Float32Array.of(epoch, 1) }]]),
  metadata: { epoch },
});
const epochOf = async (file: string) => (await readCheckpoint(file)).metadata.epoch;
const inode = (name: string) => statSync(path.join(folder, name)).ino;

it('keeps the last N epochs, each written once under all its names', async () => {
  const store = new CheckpointStore(folder, { keep: 2 });
  for (let epoch = 0; epoch < 4; epoch++) {
    const state = checkpoint(epoch);
    await store.saveEpoch(epoch, state, epoch === 1 ? state : undefined);
    if (epoch === 1) expect(inode('best.safetensors')).toBe(inode('last.safetensors'));
  }
  expect((await readdir(folder)).sort()).toEqual([
    'best.safetensors',
    'epoch-0003.safetensors',
    'epoch-0004.safetensors',
    'last.safetensors',
  ]);
  expect(await epochOf(store.last)).toBe(3);
  expect(await epochOf(store.best)).toBe(1);
  expect(inode('last.safetensors')).toBe(inode('epoch-0004.safetensors'));
});

it('writes the best apart where it has other weights', async () => {
  const store = new CheckpointStore(folder, { keep: 1 });
  await store.saveEpoch(0, checkpoint(0), checkpoint(5));
  expect(await epochOf(store.last)).toBe(0);
  expect(await epochOf(store.best)).toBe(5);
});

it('inside an epoch replaces the last one only', async () => {
  const store = new CheckpointStore(folder, { keep: 1 });
  await store.saveEpoch(0, checkpoint(0), checkpoint(0));
  await store.saveLast(checkpoint(7));
  expect(await epochOf(store.last)).toBe(7);
  expect(await epochOf(store.best)).toBe(0);
  expect(await epochOf(path.join(folder, 'epoch-0001.safetensors'))).toBe(0);
});

it('drops epochs of a future that a resumed run left', async () => {
  const store = new CheckpointStore(folder, { keep: 3 });
  for (const epoch of [0, 1, 2, 3]) await store.saveEpoch(epoch, checkpoint(epoch));
  await store.saveEpoch(1, checkpoint(1));
  expect((await readdir(folder)).sort()).toEqual(['epoch-0002.safetensors', 'last.safetensors']);
});

it('replaces the last one after all others', async () => {
  const store = new CheckpointStore(folder, { keep: 1 });
  await store.saveEpoch(0, checkpoint(0));
  mkdirSync(store.best); // what cannot be replaced stands for a kill at that moment
  const better = checkpoint(1);
  await expect(store.saveEpoch(1, better, better)).rejects.toThrow('EISDIR');
  expect(await epochOf(store.last)).toBe(0);
});

it('keeps no epochs where none are wanted', async () => {
  const store = new CheckpointStore(folder, { keep: 0 });
  await store.saveEpoch(0, checkpoint(0), checkpoint(0));
  await store.saveEpoch(1, checkpoint(1));
  expect((await readdir(folder)).sort()).toEqual(['best.safetensors', 'last.safetensors']);
  expect(await epochOf(store.last)).toBe(1);
  expect(await epochOf(store.best)).toBe(0);
});
