import { Worker } from 'node:worker_threads';
import path from 'node:path';
import { expect, test } from 'vitest';
import { native } from '../../src/native.js';
import type { Box, Placement } from '../../src/native_images.js';

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
