import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  type HostArray,
  readCheckpoint,
  writePth,
  writeSafetensors,
} from '../../src/checkpoints/checkpoint.js';
import { InputError } from '../../src/errors.js';
import { randomStream } from '../../src/random.js';

const CASES = process.env.MENET_TEST_ALL ? 1000 : 50;

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'menet-pth-'));
  file = path.join(folder, 'x.pth.tar');
});
afterAll(() => rmSync(folder, { recursive: true }));

const vector = (...values: number[]) => ({
  shape: [values.length],
  data: Float32Array.from(values),
});

async function roundTrip(checkpoint: Checkpoint): Promise<Checkpoint> {
  await writePth(file, checkpoint);
  return readCheckpoint(file);
}

describe('writePth', () => {
  it('keeps weights, averages, slots and metadata', async () => {
    const checkpoint: Checkpoint = {
      tensors: new Map([
        ['a.weight', vector(1, -0, NaN, Infinity)],
        ['a.running_mean', vector(5)],
        ['b.bias', vector(2, 3)],
        ['ema.a.weight', vector(4, 4, 4, 4)],
        ['optimizer.momentum.a.weight', vector(7, 7, 7, 7)],
        ['optimizer.exp_avg_sq.b.bias', vector(8, 9)],
      ]),
      metadata: {
        model_name: 'menet',
        optimizer: {
          param_groups: [
            { lr: 0.1, betas: [0.9, 0.999], params: ['b.bias'] },
            { lr: 1, params: ['a.weight'] },
          ],
          state: { 'b.bias': { step: 12 } },
        },
        last_epoch: 4,
        best_prec1: 12.5,
        classes: ['cat', 'dög', '__proto'],
        nothing: null,
        nested: { yes: true, list: [1, -1, 255, 256, 65536, -70000, 2 ** 40, 1e300, 0.1] },
      },
    };
    const found = await roundTrip(checkpoint);
    expect(found.tensors).toEqual(checkpoint.tensors);
    expect(found.metadata).toEqual(checkpoint.metadata);
  });

  it('aligns every storage to 64 bytes, and writes the same bytes again', async () => {
    const tensors = new Map(
      [1, 2, 3].map((size) => [`w${size}`, vector(...Array.from({ length: size }, () => 1.5))]),
    );
    await writePth(file, { tensors, metadata: {} });
    const first = readFileSync(file);
    const starts = [...tensors.keys()].map((_, key) => {
      const header = first.indexOf(`archive/data/${key}`) - 30;
      return header + 30 + first.readUInt16LE(header + 26) + first.readUInt16LE(header + 28);
    });
    for (const start of starts) {
      expect(start % 64).toBe(0);
      expect(first.readFloatLE(start)).toBe(1.5);
    }
    await writePth(file, { tensors, metadata: {} });
    expect(readFileSync(file).equals(first)).toBe(true);
    expect(await readdir(folder)).toEqual(['x.pth.tar']);
  });

  const w = new Map([['w', vector(1)]]);
  const slot = ['optimizer.momentum.v', vector(1)] as const;
  it.each<[string, Checkpoint, string]>([
    [
      'a tensor of another size',
      { tensors: new Map([['w', { shape: [2], data: Float32Array.of(1) }]]), metadata: {} },
      'w: expected 2 elements, got 1',
    ],
    ['a slot of no weight', { tensors: new Map([...w, slot]), metadata: {} }, 'a slot momentum'],
    ['a key of the tensors', { tensors: w, metadata: { state_dict: 1 } }, '"state_dict twice"'],
    [
      'a weight in two groups',
      {
        tensors: w,
        metadata: { optimizer: { param_groups: [{ params: ['w', 'w'] }], state: {} } },
      },
      'each of the weights at most once, got "w"',
    ],
    [
      'slots beside an optimizer of another kind',
      { tensors: new Map([...w, ['optimizer.x.w', vector(1)]]), metadata: { optimizer: 'SGD' } },
      'expected param_groups with params, got "SGD"',
    ],
    [
      'deep nesting',
      { tensors: w, metadata: { deep: JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown } },
      'at most 100 levels of nesting',
    ],
  ])('refuses %s', async (_, checkpoint, message) => {
    await expect(writePth(file, checkpoint)).rejects.toThrow(InputError);
    await expect(writePth(file, checkpoint)).rejects.toThrow(message);
  });
});

describe(`${CASES} random checkpoints`, () => {
  it('come back from both formats as they were', { timeout: 600_000 }, async () => {
    for (let seed = 0; seed < CASES; seed++) {
      const checkpoint = randomCheckpoint(seed);
      const written = await roundTrip(checkpoint);
      expect(written.tensors, `seed ${seed}`).toEqual(checkpoint.tensors);
      expect(weightsOf(written)).toEqual(weightsOf(checkpoint)); // in the same order
      expect(written.metadata, `seed ${seed}`).toEqual(checkpoint.metadata);
      await writeSafetensors(file, checkpoint);
      expect(await readCheckpoint(file), `seed ${seed}`).toEqual(checkpoint);
    }
  });
});

const weightsOf = ({ tensors }: Checkpoint): string[] =>
  [...tensors.keys()].filter((name) => !name.startsWith('optimizer.'));

function randomCheckpoint(seed: number): Checkpoint {
  const random = randomStream(seed, 0, 0);
  const below = (count: number) => Math.floor(random() * count);
  const pick = <T>(...choices: T[]) => choices[below(choices.length)] as T;
  const name = () =>
    Array.from({ length: 1 + below(6) }, () => pick(...'aZ.7_-é漢😀"\\ \n')).join('');
  const array = (length: number): HostArray => {
    const bytes = Uint8Array.from({ length: 8 * length }, () => below(127));
    const types = [Float32Array, Float64Array, Int32Array, BigInt64Array];
    const Type = pick(...types) as Float32ArrayConstructor;
    return pick<HostArray>(new Type(bytes.buffer, 0, length), bytes.subarray(0, length));
  };
  const value = (depth: number): unknown => {
    if (depth < 3 && random() < 0.4) {
      const items = Array.from({ length: below(4) }, () => [name(), value(depth + 1)] as const);
      return pick<unknown>(
        items.map(([, item]) => item),
        Object.fromEntries(items),
      );
    }
    const numbers = [below(300), -below(1e5), 2 ** below(53), random(), -1e-300 * random(), 1e300];
    return pick<unknown>(null, true, false, name(), '12', 'null', '', ...numbers);
  };
  const tensors: Checkpoint['tensors'] = new Map();
  for (let i = below(5); i >= 0; i--) {
    const shape = Array.from({ length: below(4) }, () => below(4));
    const count = shape.reduce((product, size) => product * size, 1);
    const data = array(count);
    const parameter = `p${i}.${name()}`;
    tensors.set(parameter, { shape, data: data.slice() });
  }
  for (const [parameter, { shape, data }] of [...tensors])
    if (random() < 0.3) tensors.set(`optimizer.exp_avg.${parameter}`, { shape, data });
  const metadata = Object.fromEntries(
    Array.from({ length: below(5) }, () => [`m${name()}`, value(0)]),
  );
  const names = weightsOf({ tensors, metadata }).reverse();
  if (tensors.size > names.length)
    metadata.optimizer = { param_groups: [{ lr: random(), params: names }], state: {} };
  return { tensors, metadata };
}
