import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentMenetBackend, MenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import type { Batch } from '../../src/data/loader.js';
import { native } from '../../src/native.js';
import { normalizeImages, uploadImages } from '../../src/ops/normalize_images.js';
import { uploadAhead } from '../../src/train/upload.js';

const side = 32;
const bytes = 2 * side * side * 3;

/** As the loader gives batches: each takes the memory of the one before. */
async function* batches(count: number, asked: number[] = []): AsyncIterableIterator<Batch> {
  const pixels = new Uint8Array(new SharedArrayBuffer(bytes));
  for (let i = 0; i < count; i++) {
    asked.push(i);
    await Promise.resolve();
    yield { pixels: pixels.fill(i), labels: Int32Array.of(i, i), size: 2, files: [] };
  }
}

let tensors: number;

describe.each(['menet', 'cpu'])('on %s', (backend) => {
  beforeEach(async () => {
    await tf.setBackend(backend);
    tensors = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  it('batches come in order, uploaded one ahead on menet alone', async () => {
    const ahead = backend === 'menet' ? 1 : 0;
    const asked: number[] = [];
    let expected = 0;
    for await (const { pixels, labels } of uploadAhead(batches(4, asked), side)) {
      const uploaded = pixels instanceof tf.Tensor;
      expect(uploaded).toBe(backend === 'menet');
      if (uploaded) expect(pixels.shape).toEqual([2, side, side, 3]);
      const values = uploaded ? pixels.dataSync() : pixels;
      expect(new Set(values)).toEqual(new Set([expected]));
      expect(labels[0]).toBe(expected++);
      expect(asked).toHaveLength(Math.min(expected + ahead, 4));
      expect(tf.memory().numTensors).toBeLessThanOrEqual(tensors + 2);
    }
    expect(expected).toBe(4);
  });

  it('nothing is left where a loop ends early, or a batch cannot be had', async () => {
    for await (const batch of uploadAhead(batches(4), side)) {
      expect(batch.labels[0]).toBe(0);
      break;
    }
    async function* broken() {
      yield* batches(2);
      throw new Error('no image');
    }
    const seen: number[] = [];
    const all = async () => {
      for await (const { labels } of uploadAhead(broken(), side)) seen.push(labels[0]!);
    };
    await expect(all()).rejects.toThrow('no image');
    expect(seen).toEqual(backend === 'menet' ? [0] : [0, 1]);
    const pixels = new Uint8Array(bytes);
    await expect(uploadImages(pixels, [2, 31, 31, 3])).rejects.toThrow(
      'uploadImages: pixels: expected 5766 bytes, got 6144',
    );
  });

  it('uploaded images are normalised and mixed as bytes are', async () => {
    const pixels = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) % 256);
    const shape: [number, number, number, number] = [2, side, side, 3];
    const box = { top: 3, left: 2, height: 20, width: 11 };
    const uploaded = await uploadImages(pixels, shape);
    expect(uploaded.dtype).toBe('int32');
    const int32 = tf.tensor4d(pixels, shape, 'int32');
    for (const mix of [undefined, { partners: [1, 0], share: 0.25, box }]) {
      const expected = normalizeImages(pixels, shape, mix);
      for (const images of [uploaded, int32]) {
        const found = normalizeImages(images, shape, mix);
        expect(found.dataSync()).toEqual(expected.dataSync());
        found.dispose();
      }
      expected.dispose();
    }
    expect([...uploaded.dataSync()]).toEqual([...pixels]);
    expect(tf.tidy(() => uploaded.add(1).dataSync()[1])).toBe(8);
    const stored = currentMenetBackend()?.storageOf(uploaded);
    expect(stored).toBe(backend === 'menet' ? 'uint8' : undefined);
    tf.dispose([uploaded, int32]);
  });
});

it('a batch that the device does not take leaves nothing there', async () => {
  const door = native();
  const writeAsync = () => Promise.reject(new Error('no memory'));
  const backend = new MenetBackend(Object.create(door, { writeAsync: { value: writeAsync } }));
  const { buffers } = door.memory();
  await expect(backend.upload(new Uint8Array(12), [1, 2, 2, 3])).rejects.toThrow('no memory');
  expect(door.memory().buffers).toBe(buffers);
});
