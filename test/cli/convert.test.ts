import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint, writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { describeWithReference, referenceFile } from '../reference_data.js';
import { makeTinyRun, type TinyRun } from '../train/tiny_run.js';
import { runMenet } from './run_menet.js';
import { pythonWith } from '../python.js';

const { python, skipped } = pythonWith('torch', 'safetensors');
const script = path.resolve(import.meta.dirname, '../checkpoints/check_with_torch.py');

let tiny: TinyRun;
let last: string;
const inside = (name: string) => path.join(tiny.folder, name);

beforeAll(async () => {
  tiny = await makeTinyRun();
  last = inside('runs/a/last.safetensors');
  await train('a', tiny.optim);
});
afterAll(() => tiny.remove());

function train(label: string, optim: string, ...more: string[]) {
  const { data, model, sched } = tiny;
  return runMenet([
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', label, '--out', inside('runs'), ...more],
  ]);
}

const convert = (input: string, output: string, ...more: string[]) =>
  runMenet(['convert', '--model', tiny.model, '--input', input, '--output', output, ...more]);

describe('convert', () => {
  it('writes a run for PyTorch and back, and loses nothing', async () => {
    const there = inside('there.pth.tar');
    const back = inside('back.safetensors');
    const { code, stdout, stderr } = await convert(last, there, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const summary = JSON.parse(stdout) as Record<string, unknown>;
    expect(summary).toMatchObject({ input: last, output: there, classes: 8 });
    const line = (await convert(there, back)).stdout;
    expect(line).toMatch(/back\.safetensors: \d+ weights, \d+ tensors of the optimizer, 8 class/);
    expect(await readCheckpoint(back)).toEqual(await readCheckpoint(last));
    expect(readFileSync(back).equals(readFileSync(last))).toBe(true);
  });

  it('writes what a run goes on from', async () => {
    const stopped = inside('stopped.pth');
    const optim = inside('long.json');
    const fields = JSON.parse(readFileSync(tiny.optim, 'utf8')) as object;
    writeFileSync(optim, JSON.stringify({ ...fields, epochs: 3 }));
    await convert(last, stopped);
    await train('b', optim, '--resume', stopped);
    await train('c', optim, '--resume', last);
    const [fromPth, fromSafetensors] = await Promise.all(
      ['b', 'c'].map((label) => readCheckpoint(inside(`runs/${label}/last.safetensors`))),
    );
    expect(fromPth!.metadata.last_epoch).toBe(2);
    expect(fromPth!.tensors).toEqual(fromSafetensors!.tensors);
  });

  it('takes off module., and names classes and model', async () => {
    const { tensors } = await readCheckpoint(last);
    const parallel = inside('parallel.safetensors');
    const prefixed = [...tensors].map(
      ([name, tensor]) => [name.replace(/^(optimizer\.momentum\.|)/, '$1module.'), tensor] as const,
    );
    await writeSafetensors(parallel, { tensors: new Map(prefixed), metadata: {} });
    const plain = inside('plain.pt');
    await convert(parallel, plain, '--data', tiny.data, '--label', 'shapes');
    const found = await readCheckpoint(plain);
    expect(found.tensors).toEqual(tensors);
    const { classes, name } = found.metadata as { classes: string[]; name: string };
    expect(classes.slice(0, 2)).toEqual(['circle', 'crescent']);
    expect(name).toBe('shapes');
  });
});

describe('convert refuses', () => {
  const expectLine = async (outcome: ReturnType<typeof runMenet>, message: string | RegExp) => {
    const { code, stdout, stderr } = await outcome;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  };

  it('formats that there are not', () =>
    expectLine(
      convert(last, inside('x.onnx')),
      /--output: expected a file name ending in \.safetensors, \.pth\.tar, \.pth, \.pt, got .*x\.onnx/,
    ));

  it('to write over its input, under whatever name', async () => {
    const link = inside('link.safetensors');
    linkSync(last, link);
    const before = readFileSync(last);
    await expectLine(convert(last, link), '--output: expected another file than the input');
    expect(readFileSync(last).equals(before)).toBe(true);
  });

  it('another model, and slots of another shape', async () => {
    const model = inside('other.json');
    const fields = JSON.parse(readFileSync(tiny.model, 'utf8')) as object;
    writeFileSync(model, JSON.stringify({ ...fields, init_c: 3 }));
    const output = inside('never.pth');
    const other = ['convert', '--model', model, '--input', last, '--output', output];
    await expectLine(runMenet(other), /last\.safetensors: entry .*: expected \[3, .*\], got \[6/);
    const { tensors, metadata } = await readCheckpoint(last);
    const name = [...tensors.keys()].find((one) => one.startsWith('optimizer.'))!;
    tensors.set(name, { shape: [1], data: Float32Array.of(1) });
    const bent = inside('bent.safetensors');
    await writeSafetensors(bent, { tensors, metadata });
    await expectLine(convert(bent, output), `bent.safetensors: entry ${name}: expected [`);
    expect(existsSync(output)).toBe(false);
  });

  it('classes that are not the checkpoint’s', async () => {
    mkdirSync(inside('two/cat'), { recursive: true });
    mkdirSync(inside('two/dog'));
    const data = inside('two.json');
    const fields = JSON.parse(readFileSync(tiny.data, 'utf8')) as object;
    writeFileSync(data, JSON.stringify({ ...fields, train_root: inside('two') }));
    await expectLine(
      convert(last, inside('never.pth'), '--data', data),
      /last\.safetensors: classes: expected \["cat","dog"\], as in the data, got \["circle"/,
    );
  });

  it('folders that cannot be written', () =>
    expectLine(
      convert(last, inside('missing/x.pth')),
      /x\.pth: expected to be able to write it, got no such folder \(ENOENT\)/,
    ));
});

describeWithReference('the original trainer’s checkpoint', () => {
  const model = referenceFile('checkpoints/tiny-a.model.json');
  const convertTiny = (input: string, output: string) =>
    runMenet(['convert', '--model', model, '--input', input, '--output', output]);

  it('goes to safetensors, to PyTorch and to safetensors again', async () => {
    const zip = inside('tiny-a.zip.pth.tar');
    copyFileSync(referenceFile('checkpoints/tiny-a.zip.pth.tar'), zip);
    for (const [input, output] of [
      ['tiny-a.zip.pth.tar', 'tiny-a.safetensors'],
      ['tiny-a.safetensors', 'tiny-a.again.pth.tar'],
      ['tiny-a.again.pth.tar', 'tiny-a.again.safetensors'],
    ] as const)
      expect((await convertTiny(inside(input), inside(output))).code).toBe(0);
    const original = await readCheckpoint(zip);
    for (const name of ['tiny-a.safetensors', 'tiny-a.again.pth.tar', 'tiny-a.again.safetensors'])
      expect(await readCheckpoint(inside(name))).toEqual(original);
  });
});

describe.skipIf(!python)(`PyTorch${skipped}`, () => {
  const check = (name: string, optimizer: string) =>
    execFileSync(
      python!,
      [script, inside(`${name}.pth.tar`), inside(`${name}.safetensors`), optimizer],
      {
        encoding: 'utf8',
      },
    );

  const adam = { betas: [0.8, 0.99], epsilon: 1e-6 };
  it.each([
    { name: 'SGD', momentum: 0.9, nesterov: true },
    { name: 'RMSprop', alpha: 0.9, epsilon: 1e-6, momentum: 0.9, centered: true },
    { name: 'Adam', ...adam },
    { name: 'AdamW', ...adam, weight_decay_norms: false, ema_decay: 0.9 },
    { name: 'Adadelta', rho: 0.9, epsilon: 1e-6, weight_decay_norms: false },
  ])('loads a run of $name, its optimizer as well, and takes a step', async (optimizer) => {
    const { name } = optimizer;
    const optim = inside(`${name}.optim.json`);
    const common = { learning_rate: 0.01, weight_decay: 0.01, epochs: 1 };
    writeFileSync(optim, JSON.stringify({ ...common, ...optimizer }));
    expect((await train(name, optim)).code).toBe(0);
    copyFileSync(inside(`runs/${name}/last.safetensors`), inside(`${name}.safetensors`));
    expect((await convert(inside(`${name}.safetensors`), inside(`${name}.pth.tar`))).code).toBe(0);
    const groups = 'weight_decay_norms' in optimizer ? 2 : 1;
    expect(check(name, name)).toMatch(
      new RegExp(`^\\d+ weights, [1-9]\\d* slots, ${groups} groups`),
    );
  });

  it.runIf(existsSync(referenceFile('')))('loads the original trainer’s checkpoint', async () => {
    const model = referenceFile('checkpoints/tiny-a.model.json');
    const input = referenceFile('checkpoints/tiny-a.legacy.pth.tar');
    for (const output of ['a.safetensors', 'a.pth.tar'])
      await runMenet(['convert', '--model', model, '--input', input, '--output', inside(output)]);
    expect(check('a', 'SGD')).toContain('224 weights, 113 slots, 1 groups');
  });
});
