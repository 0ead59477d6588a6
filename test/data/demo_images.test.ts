import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readImage } from '../../src/data/decode.js';
import { demoClasses, makeDemoImages } from '../../src/data/demo_images.js';
import { drawScene } from '../../src/data/demo_drawing.js';
import { shapes } from '../../src/data/demo_shapes.js';
import { matchClasses, scanImageFolder, type ImageFolder } from '../../src/data/image_folder.js';
import { randomStream } from '../../src/random.js';

const options = { seed: 1, imagesPerClass: { train: 100, valid: 50 }, imageSize: 48 };
let dir: string;
let train: ImageFolder;
let valid: ImageFolder;

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'menet-demo-'));
  const folders = await makeDemoImages(path.join(dir, 'a'), options);
  train = await scanImageFolder(folders.train);
  valid = await scanImageFolder(folders.valid);
});
afterAll(() => rm(dir, { recursive: true }));

async function digest(folder: ImageFolder): Promise<string> {
  const hash = createHash('sha256');
  for (const { file } of folder.samples) hash.update(await readFile(file));
  return hash.digest('hex');
}

test('folders of JPEGs, as many as asked for, no two alike', async () => {
  matchClasses(train, valid);
  expect(train.classes).toEqual([...demoClasses]);
  expect(train.classes.length).toBeGreaterThanOrEqual(6);
  expect(train.samples.length).toBe(100 * demoClasses.length);
  expect(valid.samples.length).toBe(50 * demoClasses.length);
  const image = await readImage(train.samples[0]!.file);
  expect(image).toMatchObject({ width: 48, height: 48 });
  const contents = new Set<string>();
  for (const { file } of [...train.samples, ...valid.samples]) {
    contents.add((await readFile(file)).toString('base64'));
  }
  expect(contents.size).toBe(150 * demoClasses.length);
});

test('the same seed gives the same bytes, another one others', async () => {
  const make = async (name: string, seed: number) => {
    const few = { ...options, seed, imagesPerClass: { train: 3, valid: 1 } };
    return digest(await scanImageFolder((await makeDemoImages(path.join(dir, name), few)).train));
  };
  const first = await make('b', 7);
  expect(await make('c', 7)).toBe(first);
  expect(await make('d', 8)).not.toBe(first);
});

test('a finished set is kept, anything else refused', async () => {
  const file = train.samples[0]!.file;
  const { mtimeMs } = await stat(file);
  await makeDemoImages(path.join(dir, 'a'), options);
  expect((await stat(file)).mtimeMs).toBe(mtimeMs);
  const others = { ...options, seed: 2 };
  await expect(makeDemoImages(path.join(dir, 'a'), others)).rejects.toThrow(/"seed":2.*"seed":1/);
  await mkdir(path.join(dir, 'mine/train'), { recursive: true });
  await expect(makeDemoImages(path.join(dir, 'mine'), options)).rejects.toThrow(/got others/);
});

test('all shapes have the same area', () => {
  for (const [name, shape] of shapes) {
    let inside = 0;
    for (let y = -2.5; y < 2.5; y += 0.02) {
      for (let x = -2.5; x < 2.5; x += 0.02) if (shape(x, y) < 0) inside++;
    }
    expect(Math.abs(inside * 0.02 ** 2 - Math.PI), name).toBeLessThan(0.05);
  }
});

test('shapes differ in nothing else: without the shape, scenes are the same', () => {
  const nothing = () => 1e6;
  const scenes = [...shapes.values()].map((shape) => drawScene(shape, 32, randomStream(1, 2, 3)));
  const empty = drawScene(nothing, 32, randomStream(1, 2, 3));
  for (const scene of scenes) {
    // The drawing uses random numbers alike for all shapes, so the corners are equal.
    const same = scene.filter((value, i) => value === empty[i]).length / scene.length;
    expect(same).toBeGreaterThan(0.6);
    expect(same).toBeLessThan(0.99);
  }
});

/** Square roots of the shares of 4 x 4 x 4 colours: a vector of length 1. */
async function colorFeatures(folder: ImageFolder): Promise<Float64Array[]> {
  return Promise.all(
    folder.samples.map(async ({ file }) => {
      const { data } = await readImage(file);
      const features = new Float64Array(64);
      for (let p = 0; p < data.length; p += 3) {
        const bin = (data[p]! >> 6) * 16 + (data[p + 1]! >> 6) * 4 + (data[p + 2]! >> 6);
        features[bin]! += 3 / data.length;
      }
      return features.map(Math.sqrt);
    }),
  );
}

const dot = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const best = (scores: number[]) => scores.indexOf(Math.max(...scores));

function accuracy(folder: ImageFolder, features: Float64Array[], weights: Float64Array[]): number {
  const right = features.filter(
    (x, i) => best(weights.map((w) => dot(w, x))) === folder.samples[i]!.label,
  );
  return right.length / features.length;
}

/** Softmax regression by gradient descent. */
function fit(folder: ImageFolder, features: Float64Array[]): Float64Array[] {
  const weights = folder.classes.map(() => new Float64Array(features[0]!.length));
  for (let step = 0; step < 40; step++) {
    for (const [i, x] of features.entries()) {
      const scores = weights.map((w) => Math.exp(dot(w, x)));
      const total = scores.reduce((sum, score) => sum + score, 0);
      for (const [label, w] of weights.entries()) {
        const error = scores[label]! / total - Number(label === folder.samples[i]!.label);
        for (let k = 0; k < w.length; k++) w[k]! -= 0.2 * error * x[k]!;
      }
    }
  }
  return weights;
}

test('colour alone does not tell the classes apart', async () => {
  const [known, held] = [await colorFeatures(train), await colorFeatures(valid)];
  const chance = 1 / train.classes.length;
  const linear = fit(train, known);
  expect(accuracy(valid, held, linear)).toBeLessThan(1.6 * chance);
  const centroids = train.classes.map((_, label) => {
    const members = known.filter((_, i) => train.samples[i]!.label === label);
    const sum = new Float64Array(64);
    for (const x of members) for (let k = 0; k < 64; k++) sum[k]! += x[k]!;
    const length = Math.sqrt(dot(sum, sum));
    return sum.map((value) => value / length);
  });
  expect(accuracy(valid, held, centroids)).toBeLessThan(1.6 * chance);
  // The same classifier does tell classes that differ in colour.
  const tinted = (folder: ImageFolder, features: Float64Array[]) =>
    features.map((x, i) => x.map((value, k) => value + (k === folder.samples[i]!.label ? 0.3 : 0)));
  const weights = fit(train, tinted(train, known));
  expect(accuracy(valid, tinted(valid, held), weights)).toBeGreaterThan(5 * chance);
});
