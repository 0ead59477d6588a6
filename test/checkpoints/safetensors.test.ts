import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostTensor } from '../../src/checkpoints/checkpoint.js';
import {
  parseCheckpoint,
  readCheckpoint,
  writeSafetensors,
} from '../../src/checkpoints/checkpoint.js';
import { InputError } from '../../src/errors.js';
import { bytes, u64 } from './pickle_writer.js';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'menet-safetensors-'));
  file = path.join(folder, 'c.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

const tensors = new Map<string, HostTensor>([
  ['u8', { shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ['f32', { shape: [2, 2], data: Float32Array.of(1, -0, NaN, Infinity) }],
  ['i64', { shape: [], data: BigInt64Array.of(-(2n ** 63n)) }],
  ['7', { shape: [1], data: Int32Array.of(-(2 ** 31)) }],
  ['f64', { shape: [1, 1], data: Float64Array.of(Math.PI) }],
  ['__proto__', { shape: [0, 4], data: new Float32Array(0) }],
  ['part', { shape: [2], data: Float32Array.of(1, 2, 3, 4).subarray(1, 3) }],
]);
const metadata = {
  name: 'menet',
  number: '12',
  json: '{"a": 1}',
  quoted: '"x"',
  literal: 'null',
  empty: '',
  spaces: ' a ',
  epoch: 4,
  best: 71.25,
  nothing: null,
  done: false,
  nested: { history: [1, [2, { 'ö"\\': 'x' }]] },
};

describe('round trip', () => {
  test('gives back tensors, order and metadata', async () => {
    await writeSafetensors(file, { tensors, metadata });
    const read = await readCheckpoint(file);
    expect([...read.tensors.keys()]).toEqual([...tensors.keys()]);
    expect(read.tensors).toEqual(tensors);
    expect(read.metadata).toEqual(metadata);
  });

  test('starts every tensor aligned to its elements', async () => {
    await writeSafetensors(file, { tensors, metadata });
    const data = await readFile(file);
    const length = Number(data.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    const header = JSON.parse(data.toString('utf8', 8, 8 + length)) as Record<
      string,
      { data_offsets: number[] }
    >;
    for (const [
      name,
      {
        data: { BYTES_PER_ELEMENT },
      },
    ] of tensors) {
      expect(
        Object.entries(header).find(([key]) => key === name)![1].data_offsets[0]! %
          BYTES_PER_ELEMENT,
      ).toBe(0);
    }
  });

  test('numbers that JSON lacks become strings, undefined is left out', async () => {
    const odd = { a: NaN, b: [Infinity], c: -Infinity, d: 2n ** 70n, e: undefined };
    await writeSafetensors(file, { tensors: new Map(), metadata: odd });
    const read = await readCheckpoint(file);
    expect(read).toEqual({
      tensors: new Map(),
      metadata: { a: 'NaN', b: ['Infinity'], c: '-Infinity', d: '1180591620717411303424' },
    });
  });
});

test('refuses to write nonsense, and then leaves the file as it was', async () => {
  await writeSafetensors(file, { tensors, metadata: {} });
  const before = await readFile(file);
  const wrong = new Map([['w', { shape: [3], data: new Float32Array(2) }]]);
  await expect(writeSafetensors(file, { tensors: wrong, metadata: {} })).rejects.toThrow(
    'w: expected 3 elements, got 2',
  );
  const taken = new Map([['__metadata__', { shape: [0], data: new Float32Array(0) }]]);
  await expect(writeSafetensors(file, { tensors: taken, metadata: {} })).rejects.toThrow(
    InputError,
  );
  expect(await readFile(file)).toEqual(before);
  expect(await readdir(folder)).toEqual(['c.safetensors']);
});

const image = (header: string, size = 0, claimed?: number | bigint) =>
  bytes(u64(claimed ?? Buffer.byteLength(header)), Buffer.from(header), new Uint8Array(size));
const read = (data: Uint8Array) => parseCheckpoint(data, 'x.safetensors');
const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype": "${dtype}", "shape": ${shape}, "data_offsets": ${offsets}}`;
const w = (dtype: string, shape: string, offsets: string, size = 8) =>
  image(`{"w": ${entry(dtype, shape, offsets)}}`, size);

test.each([
  ['F16', [0, 0x3c], [1]],
  ['BF16', [0x80, 0x3f], [1]],
  ['I16', [0xff, 0xff], [-1]],
  ['I8', [0xff], [-1]],
  ['BOOL', [2], [1]],
])('widens %s', (dtype, raw, data) => {
  const file = image(`{"w": ${entry(dtype, '[1]', `[0, ${raw.length}]`)}} `, raw.length);
  file.set(raw, file.length - raw.length);
  expect([...read(file).tensors.get('w')!.data]).toEqual(data);
});

test('keeps the strings of other writers', () => {
  expect(read(image('{"__metadata__": {"format": "pt"}}')).metadata).toEqual({ format: 'pt' });
});

test.each<[string, Uint8Array, string]>([
  ['a header beyond the end', image('{}', 0, 3), '3 more bytes'],
  ['a giant header', image('{}', 0, 10n ** 8n + 1n), 'at most 100000000 bytes'],
  ['a header that no double counts', image('{}', 0, 2n ** 64n - 1n), 'below 2^53'],
  ['a header cut short', image('{"w"', 0), 'a colon'],
  ['a header that is not UTF-8', bytes(u64(3), '{\xff}'), 'UTF-8 text'],
  ['a name twice', image(`{"w": ${entry('F32', '[0]', '[0, 0]')}, "w": 1}`), 'w twice'],
  ['deep nesting', image('{"w":'.repeat(1e5)), 'levels of nesting'],
  ['an entry that is no object', image('{"w": 1}'), 'w: expected an object, got "number 1"'],
  ['fields of no meaning', image('{"w": {"dtypo": "F32"}}'), 'dtype, shape and data_offsets'],
  ['an unknown type', w('F8_E4M3', '[8]', '[0, 8]'), 'dtype of F64'],
  [
    'a missing shape',
    image('{"w": {"dtype": "F32", "data_offsets": [0, 0]}}'),
    'shape: expected an array',
  ],
  ['a negative size', w('F32', '[-2]', '[0, 8]'), 'integers from 0 up'],
  ['a fraction of a size', w('F32', '[1.5]', '[0, 8]'), 'integers from 0 up'],
  ['one offset', w('F32', '[2]', '[0]'), 'begin and end'],
  ['offsets in reverse', w('F32', '[2]', '[8, 0]'), 'begin and end'],
  ['another size than the shape', w('F32', '[3]', '[0, 8]'), '12 bytes of F32, got "8 bytes"'],
  ['a giant shape', w('F32', '[4294967296, 4294967296]', '[0, 8]'), 'Infinity bytes of F32'],
  ['data beyond the end', w('F32', '[4]', '[0, 16]'), 'data: expected 16 bytes'],
  ['bytes of no tensor at the end', w('F32', '[1]', '[0, 4]'), 'data: expected 4 bytes'],
  ['bytes of no tensor before', w('F32', '[1]', '[4, 8]'), 'data from byte 0, got 4'],
  [
    'tensors that overlap',
    image(`{"a": ${entry('F32', '[2]', '[0, 8]')}, "b": ${entry('F32', '[1]', '[4, 8]')}}`, 8),
    'b: expected data from byte 8, got 4',
  ],
  ['metadata that is no object', image('{"__metadata__": []}'), '__metadata__: expected an object'],
  ['metadata that is no string', image('{"__metadata__": {"a": 1}}'), 'a: expected a string'],
  [
    'metadata beyond four million characters',
    image(`{"__metadata__": {"a": "${'x'.repeat(2 ** 21)}", "b": "${'x'.repeat(2 ** 21 + 1)}"}}`),
    'at most 4194304 characters',
  ],
  [
    'prototypes in metadata',
    image('{"__metadata__": {"a": "{\\"__proto__\\": 1}"}}'),
    'keys other than __proto__',
  ],
])('refuses %s', (_, data, message) => {
  expect(() => read(data)).toThrow(InputError);
  expect(() => read(data)).toThrow(message);
});

test('refuses every cut of a file', async () => {
  await writeSafetensors(file, { tensors, metadata });
  const whole = await readFile(file);
  for (let end = 0; end < whole.length; end++) {
    expect(() => read(whole.subarray(0, end))).toThrow(InputError);
  }
});
