/**
 * Every damaged file either parses or throws an InputError: no other error, no crash of this
 * process, within bounds of time and memory. `MENET_TEST_ALL` runs over a hundred thousand cases.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { ZipArchive } from '../../src/checkpoints/zip.js';
import { InputError } from '../../src/errors.js';
import { describeWithReference, referenceFile } from '../reference_data.js';
import { mutate, random } from './mutations.js';
import type { Part } from './pickle_writer.js';
import {
  bytes,
  dict,
  floats,
  int,
  legacyFile,
  list,
  pickle,
  storage,
  str,
  tensor,
  tuple,
  u64,
  zipCheckpoint,
  zipFile,
} from './pickle_writer.js';

const CASES = process.env.MENET_TEST_ALL ? 20_000 : 500;
const MAX_MILLISECONDS = 2000;

interface Subject {
  /** what is damaged */
  seed: Uint8Array;
  /** bytes at its front that say how to read the rest */
  structure: number;
  /** makes a file of it; otherwise it is one */
  build?: (damaged: Uint8Array) => Uint8Array;
}

function parses(file: Uint8Array, label: string): boolean {
  const before = process.memoryUsage();
  const start = performance.now();
  let parsed = true;
  try {
    parseCheckpoint(file, 'x');
  } catch (error) {
    if (!(error instanceof InputError) || /\n/.test(error.message)) {
      throw new Error(`${label}: ${String(error)}`, { cause: error });
    }
    parsed = false;
  }
  const milliseconds = performance.now() - start;
  const after = process.memoryUsage();
  if (milliseconds > MAX_MILLISECONDS) throw new Error(`${label}: took ${milliseconds} ms`);
  // Sharing allows four times the file, widening int8 to int32 four times that.
  if (after.arrayBuffers - before.arrayBuffers > 24 * file.length + 2 ** 20) {
    throw new Error(`${label}: ${after.arrayBuffers - before.arrayBuffers} bytes of arrays`);
  }
  if (after.heapUsed - before.heapUsed > 400 * file.length + 2 ** 25) {
    throw new Error(`${label}: ${after.heapUsed - before.heapUsed} bytes of heap`);
  }
  return parsed;
}

function fuzz(name: string, subject: () => Subject): void {
  test(`${CASES} damaged copies: ${name}`, () => {
    const { seed, structure, build = (damaged) => damaged } = subject();
    expect(parses(build(seed), `${name}, unharmed`)).toBe(true);
    let parsed = 0;
    for (let i = 0; i < CASES; i++) {
      const damaged = build(mutate(seed, structure, random(i)));
      if (parses(damaged, `${name}, case ${i}`)) parsed++;
    }
    // Otherwise the damage does not reach the reader, or goes unnoticed.
    expect(parsed).toBeGreaterThan(0);
    expect(parsed).toBeLessThan(CASES);
  }, 600_000);
}

const view = (offset: number, shape: number[], strides: number[]): Part =>
  tensor(storage('0', 12), offset, shape, strides);
const momentum = (part: Part): Part => dict([str('momentum_buffer'), part]);
const root = dict(
  [
    str('state_dict'),
    dict([str('module.w'), view(0, [3, 2], [1, 3])], [str('module.b'), view(6, [2], [1])]),
  ],
  [
    str('optimizer'),
    dict(
      [str('state'), dict([int(0), momentum(view(6, [3, 2], [2, 1]))], [int(1), momentum('N')])],
      [str('param_groups'), list(dict([str('params'), list(int(0), int(1))]))],
    ),
  ],
  [
    str('history'),
    tuple(list(int(1), bytes(0x8a, 2, 1, 1)), [bytes('U', 1, 'x'), 'q', 1], ['h', 1]),
  ],
);
const stored = { key: '0', length: 12, raw: floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) };

describe('assembled files', () => {
  fuzz('legacy', () => {
    const seed = legacyFile(root, [stored]);
    return { seed, structure: seed.length };
  });
  fuzz('zip', () => {
    const seed = zipCheckpoint(root, [stored]);
    return { seed, structure: seed.length };
  });
  fuzz('pickle in a sound zip', () => {
    const seed = pickle(root);
    const build = (damaged: Uint8Array) =>
      zipFile([
        { name: 'a/data.pkl', data: damaged },
        { name: 'a/data/0', data: stored.raw },
      ]);
    return { seed, structure: seed.length, build };
  });
  fuzz('safetensors header of the right length', () => {
    const header =
      '{"__metadata__":{"epoch":"4","list":"[1,{\\"a\\":[null]}]","format":"pt"},' +
      '"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},' +
      '"h":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}';
    const build = (damaged: Uint8Array) => bytes(u64(damaged.length), damaged, new Uint8Array(32));
    return { seed: bytes(header), structure: header.length, build };
  });
});

describeWithReference('reference files', () => {
  const file = (name: string) => new Uint8Array(readFileSync(referenceFile(`checkpoints/${name}`)));
  fuzz('legacy', () => ({ seed: file('tiny-a.legacy.pth.tar'), structure: 56_000 }));
  fuzz('zip', () => ({ seed: file('tiny-a.zip.pth.tar'), structure: 44_000 }));
  fuzz('pickle in a sound zip', () => {
    const archive = new ZipArchive(file('tiny-a.zip.pth.tar'), 'x');
    const entries = [...archive.names].map((name) => ({ name, data: archive.read(name) }));
    const seed = entries[0]!.data;
    const build = (data: Uint8Array) => zipFile([{ ...entries[0]!, data }, ...entries.slice(1)]);
    return { seed, structure: seed.length, build };
  });
  fuzz('safetensors', () => ({ seed: file('tiny-a.safetensors'), structure: 20_000 }));
});
