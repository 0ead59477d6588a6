import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/native.js';
import type {
  Affine,
  Box,
  ImageFile,
  Pixels,
  Placement,
  StoredImage,
} from '../../src/native_images.js';

// What would read or write outside of its memory if the door let it pass.

const { images } = native();
const box: Box = { left: 0, top: 0, width: 4, height: 4 };

interface Call {
  image?: Record<string, unknown>;
  placement?: { [K in keyof Placement]?: object | boolean };
  out?: unknown;
}

function resample({ image, placement, out }: Call): void {
  const pixels = { data: new Uint8Array(48), width: 4, height: 4, ...image };
  const whole = { source: box, resized: { width: 4, height: 4 }, crop: box, flip: false };
  const target = out === undefined ? new Uint8Array(48) : out;
  images.resample(pixels, { ...whole, ...placement } as Placement, target as Uint8Array);
}

test('the call that the others are made from is good', () => {
  resample({});
});

const cases: [string, Call, RegExp][] = [
  ['fewer pixels than stated', { image: { data: new Uint8Array(47) } }, /image: expected 48 bytes/],
  [
    'sides whose product wraps',
    { image: { width: 2 ** 62, height: 4 } },
    /width: expected a whole/,
  ],
  ['large sides', { image: { width: 2 ** 30, height: 2 ** 30 } }, /image: expected \d+ bytes/],
  ['no width', { image: { width: undefined } }, /width: expected a whole number/],
  ['a width that is no number', { image: { width: NaN } }, /width: expected a whole number/],
  ['no data', { image: { data: undefined } }, /expected a typed array/],
  ['a box too wide', { placement: { source: { ...box, width: 5 } } }, /source: expected a box/],
  ['a box outside', { placement: { source: { ...box, left: 4, width: 1 } } }, /source: expected/],
  ['a box above', { placement: { source: { ...box, top: -1 } } }, /top: expected a whole number/],
  ['an empty box', { placement: { source: { ...box, height: 0 } } }, /height: expected a whole/],
  ['a broken box', { placement: { source: { ...box, left: 0.5 } } }, /left: expected a whole/],
  ['no box', { placement: { source: undefined } }, /source: expected an object/],
  ['a crop outside', { placement: { crop: { ...box, top: 1 } } }, /crop: expected a box within 4/],
  ['an empty size', { placement: { resized: { width: 0, height: 4 } } }, /width: expected a whole/],
  ['less room than pixels', { out: new Uint8Array(47) }, /out: expected 48 bytes, got 47/],
  ['no room', { out: null }, /expected a typed array/],
];

test.each(cases)('resample throws: %s', (_, call, message) => {
  expect(() => resample(call)).toThrow(message);
});

test('resample throws when a getter takes the memory away', () => {
  const data = new Uint8Array(48);
  const resized = {
    height: 4,
    get width() {
      structuredClone(data.buffer, { transfer: [data.buffer] });
      return 4;
    },
  };
  expect(() => resample({ image: { data }, placement: { resized } })).toThrow(
    /image: expected 48 bytes, got 0/,
  );
});

test('resample throws what a getter throws', () => {
  const resized = {
    get width(): number {
      throw new RangeError('mine');
    },
  };
  expect(() => resample({ placement: { resized } })).toThrow(RangeError);
});

test.each(['adjustBrightness', 'adjustContrast', 'adjustSaturation', 'adjustHue'] as const)(
  '%s throws for what is no image or no number',
  (name) => {
    const call = images[name] as (...values: unknown[]) => void;
    expect(() => call()).toThrow(/expected a number/);
    expect(() => call(new Uint8Array(3), NaN)).toThrow(/expected a number/);
    expect(() => call(new Uint8Array(3), Infinity)).toThrow(/expected a number/);
    expect(() => call([1, 2, 3], 1)).toThrow(/expected a typed array/);
    expect(() => call(new Uint8Array(4), 1)).toThrow(/expected 3 bytes per pixel, got 4/);
  },
);

const square = { data: new Uint8Array(48), width: 4, height: 4 };
const identity = [1, 0, 0, 0, 1, 0];

test.each<[string, unknown, unknown, RegExp]>([
  ['no image', undefined, identity, /image: expected an object/],
  ['fewer bytes', { ...square, height: 5 }, identity, /image: expected 60 bytes, got 48/],
  ['no width', { ...square, width: 0 }, identity, /width: expected a whole number/],
  ['a long side', { ...square, width: 2 ** 17 }, identity, /image: expected sides of at most/],
  ['no matrix', square, undefined, /matrix: expected six numbers/],
  ['five numbers', square, identity.slice(1), /expected a number of/],
  ['a number that is none', square, [NaN, 0, 0, 0, 1, 0], /expected a number of/],
  ['a number too large', square, [1, 0, 2 ** 21, 0, 1, 0], /expected a number of/],
])('transformNearest throws: %s', (_, image, matrix, message) => {
  expect(() => images.transformNearest(image as Pixels, matrix as Affine)).toThrow(message);
});

test('sharpen throws for what is no image or no number', () => {
  expect(() => images.sharpen({ ...square, width: 3 }, 1)).toThrow(/image: expected 36 bytes/);
  expect(() => images.sharpen(square, Infinity)).toThrow(/expected a number/);
  const data = new Uint8Array(48);
  const getter = {
    width: 4,
    get height() {
      structuredClone(data, { transfer: [data.buffer] });
      return 4;
    },
    data,
  };
  expect(() => images.sharpen(getter, 1)).toThrow(/image: expected 48 bytes, got 0/);
});

test('tables have one entry per channel and level', () => {
  const counts = new Uint32Array(767);
  expect(() => images.countLevels(new Uint8Array(3), counts)).toThrow(/table: expected 3072 bytes/);
  expect(() => images.countLevels(new Uint8Array(4), new Uint32Array(768))).toThrow(/3 bytes per/);
  const unaligned = new Uint8Array(new ArrayBuffer(3073), 1) as unknown as Uint32Array;
  expect(() => images.countLevels(new Uint8Array(3), unaligned)).toThrow(/entries of 4 bytes/);
  expect(() => images.mapLevels(new Uint8Array(3), new Uint8Array(3))).toThrow(
    /expected 768 bytes/,
  );
  expect(() => images.mapLevels(null as never, new Uint8Array(768))).toThrow(/typed array/);
});

describe('a mapped file', () => {
  let folder: string;
  let file: string;
  let descriptor: number;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'menet-mapped-'));
    file = path.join(folder, 'pixels');
    writeFileSync(file, new Uint8Array(100).fill(5));
    descriptor = openSync(file, 'r');
  });
  afterAll(() => {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  });

  function resampleFrom(target: ImageFile, offset: unknown): Uint8Array {
    const out = new Uint8Array(48);
    const image = { offset, width: 4, height: 4 } as StoredImage;
    const placement = { source: box, resized: { width: 4, height: 4 }, crop: box, flip: false };
    target.resample(image, placement, out);
    return out;
  }

  test('gives what lies within it, and throws for what does not', () => {
    const mapped = new images.ImageFile(descriptor, file);
    expect(resampleFrom(mapped, 52)).toEqual(new Uint8Array(48).fill(5));
    for (const offset of [53, 100, 2 ** 32, 2 ** 53 - 1])
      expect(() => resampleFrom(mapped, offset)).toThrow(/expected 48 bytes at \d+, got a file of/);
    for (const offset of [-1, 0.5, NaN, 2 ** 60, undefined])
      expect(() => resampleFrom(mapped, offset)).toThrow(/offset: expected a whole number/);
  });

  test('throws, and goes on, when the file is cut and when it is whole again', () => {
    const mapped = new images.ImageFile(descriptor, file);
    truncateSync(file, 10);
    expect(() => resampleFrom(mapped, 0)).toThrow(/got a file of 10/);
    truncateSync(file, 100);
    expect(resampleFrom(mapped, 52)).toEqual(new Uint8Array(48));
  });

  test('throws for what cannot be mapped', () => {
    const File = images.ImageFile as unknown as new (...values: unknown[]) => ImageFile;
    expect(() => new File()).toThrow(/expected the descriptor of a file/);
    expect(() => new File(file)).toThrow(/expected the descriptor of a file/);
    expect(() => new File(-1, 'name')).toThrow(/name: expected an open file/);
    expect(() => new File(1e9, 'name')).toThrow(/name: expected an open file/);
    const folderDescriptor = openSync(folder, 'r');
    expect(() => new File(folderDescriptor, 'name')).toThrow(/name: expected a file/);
    closeSync(folderDescriptor);
  });

  test('throws for a call on something else', () => {
    const { resample: call } = images.ImageFile.prototype as ImageFile;
    for (const other of [{}, images, null, new Map()])
      expect(() => call.call(other as never, {} as never, {} as never, new Uint8Array(3))).toThrow(
        TypeError,
      );
  });
});

test('several threads use the kernels at a time', async () => {
  const file = process.env.MENET_BINARY ?? path.resolve('build/Release/menet.node');
  const script = `
    const { parentPort } = require('node:worker_threads');
    const { images } = require(${JSON.stringify(file)});
    const data = Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => i * 7);
    const source = { left: 0, top: 0, width: 300, height: 200 };
    const crop = { left: 0, top: 0, width: 64, height: 64 };
    const out = new Uint8Array(64 * 64 * 3);
    for (let i = 0; i < 50; i++)
      images.resample({ data, width: 300, height: 200 }, { source, resized: crop, crop, flip: false }, out);
    parentPort.postMessage(out);`;
  const results = await Promise.all(
    Array.from({ length: 3 }, () => {
      const worker = new Worker(script, { eval: true });
      return new Promise<Uint8Array>((resolve, reject) => {
        worker.on('message', resolve).on('error', reject);
      });
    }),
  );
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});
