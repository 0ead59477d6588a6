import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, readModelConfig } from '../../src/models/model.js';
import { getState } from '../../src/models/state.js';
import { writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { makeTinyRun, type TinyRun } from '../train/tiny_run.js';
import { runMenet } from './run_menet.js';

let tiny: TinyRun;
let checkpoint: string;

beforeAll(async () => {
  tiny = await makeTinyRun();
  checkpoint = file('weights.safetensors');
  const model = createModel(readModelConfig(tiny.model));
  await writeSafetensors(checkpoint, { tensors: await getState(model), metadata: {} });
  writeFileSync(file('text.safetensors'), 'no tensors');
});
afterAll(() => tiny.remove());

function file(name: string): string {
  return path.join(tiny.folder, name);
}

/** Writes a configuration of the run with some fields changed. */
function changed(name: 'data' | 'model' | 'optim' | 'sched', fields: object): string {
  const copy = file(`changed_${name}.json`);
  const original = JSON.parse(readFileSync(tiny[name], 'utf8')) as object;
  writeFileSync(copy, JSON.stringify({ ...original, ...fields }));
  return copy;
}

/** Images of the run with one change made to them by `change`. */
function imagesWith(change: (root: string) => void): object {
  const root = file('changed_images');
  rmSync(root, { recursive: true, force: true });
  cpSync(file('images'), root, { recursive: true });
  change(root);
  return { train_root: path.join(root, 'train'), valid_root: path.join(root, 'valid') };
}

function train(replaced: Partial<Record<'data' | 'model' | 'optim' | 'sched', string>>): string[] {
  const { data, model, optim, sched } = { ...tiny, ...replaced };
  return [
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', 'bad', '--out', file('runs')],
  ];
}

function predict(...rest: string[]): string[] {
  return ['predict', '--model', tiny.model, '--checkpoint', checkpoint, ...rest];
}

/** Runs what must end with code 2 and one line on standard error. */
async function errorOf(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runMenet(args);
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  return stderr;
}

describe('exit code 2 and one line for', () => {
  it.each<[string, () => string[], string | RegExp]>([
    ['an unknown command', () => ['trian'], 'unknown command "trian"; did you mean train?'],
    [
      'an unknown flag',
      () => ['train', '--lable', 'a'],
      'unknown flag --lable; did you mean --label?',
    ],
    [
      'a missing flag',
      () => ['evaluate', '--data', tiny.data],
      '--model: expected FILE, got nothing',
    ],
    ['no image', () => predict(), 'expected IMAGE..., got nothing'],
    ['a positional', () => [...train({}), 'x'], 'menet train: expected flags only, got "x"'],
    ['a label that is a path', () => [...train({}), '--label', '../x'], '--label: expected a name'],
    [
      'no such file',
      () => train({ data: 'none.json' }),
      'none.json: expected a JSON file, cannot read it (ENOENT)',
    ],
    [
      'a wrong value',
      () => train({ optim: changed('optim', { learning_rate: -1 }) }),
      'changed_optim.json: field learning_rate: expected more than 0, got -1',
    ],
    [
      'an unknown field',
      () => train({ sched: changed('sched', { gama: 1 }) }),
      'changed_sched.json: field gama: expected no such field, got 1',
    ],
    [
      'a wrong model field',
      () => train({ model: changed('model', { groups: 'three' }) }),
      /changed_model\.json: field groups: expected .*, got "three"/,
    ],
    [
      'another number of classes',
      () => train({ model: changed('model', { num_classes: 7 }) }),
      /field num_classes: expected 8, .*, got 7/,
    ],
    [
      'a missing folder',
      () => train({ data: changed('data', { train_root: file('none') }) }),
      /none: expected .*, got nothing there/,
    ],
    [
      'an empty folder',
      () => {
        mkdirSync(file('empty'), { recursive: true });
        return train({ data: changed('data', { train_root: file('empty') }) });
      },
      'empty: expected one folder per class',
    ],
    [
      'a class without images',
      () => {
        const change = (root: string) => mkdirSync(path.join(root, 'train/zebra'));
        return train({ data: changed('data', imagesWith(change)) });
      },
      'zebra: expected images',
    ],
    [
      'a class missing in validation',
      () => {
        const change = (root: string) =>
          rmSync(path.join(root, 'valid/heart'), { recursive: true });
        return train({ data: changed('data', imagesWith(change)) });
      },
      'got no folder "heart"',
    ],
    ['nothing to resume', () => [...train({}), '--resume'], '--resume: expected a checkpoint at'],
    [
      'a checkpoint that is none',
      () => [...train({}), '--resume', file('text.safetensors')],
      'text.safetensors: expected',
    ],
    [
      'a checkpoint without training state',
      () => [...train({}), '--resume', checkpoint],
      'weights.safetensors: field model_name: expected type string, got nothing',
    ],
    [
      'a checkpoint of another model',
      () => [
        ...['predict', '--checkpoint', checkpoint, 'x.jpg'],
        ...['--model', changed('model', { block_channels: [12, 36, 72] })],
      ],
      /weights\.safetensors: entry .*: expected \[.*\], got \[.*\]/,
    ],
    [
      'a picture that cannot be written',
      () => ['inspect', '--model', tiny.model, '--graph', file('none/x.svg')],
      /--graph: expected a file that can be written, got .*x\.svg \(ENOENT\)/,
    ],
    ['an image that is none', () => predict(tiny.model), 'model.json: cannot be decoded'],
    ['the backend to come', () => predict('--backend', 'tensorflow', 'x'), 'not available yet'],
    [
      'an unknown backend',
      () => predict('--backend', 'webgl', 'x'),
      '--backend: expected one of menet',
    ],
    [
      'a device without kernels',
      () => predict('--device', 'cuda:0', 'x'),
      '--device: expected cpu',
    ],
    [
      'no thread',
      () => predict('--threads', '0', 'x'),
      '--threads: expected an integer of at least 1',
    ],
  ])('%s', async (_, args, message) => {
    const found = await errorOf(args());
    expect(found).toMatch(message instanceof RegExp ? message : new RegExp(escape(message)));
  });
});

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

it('an image too small for a network as it is', async () => {
  const { default: sharp } = await import('sharp');
  const tinyImage = file('small.png');
  const create = { width: 40, height: 20, channels: 3 as const, background: 'red' };
  await sharp({ create }).png().toFile(tinyImage);
  expect(await errorOf(predict('--no-resize', tinyImage))).toContain(
    'small.png: expected at least 32×32 pixels, got "40×20"',
  );
});

describe('help', () => {
  it.each(['train', 'evaluate', 'predict', 'inspect', 'demo', 'bench'])(
    '%s --help shows flags and an example',
    async (name) => {
      const { code, stdout, stderr } = await runMenet([name, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(
        new RegExp(`^usage: menet ${name} .*\\n[^]*example:\\n  menet ${name} `),
      );
    },
  );

  it('without a command lists them, --version prints the version', async () => {
    expect((await runMenet([])).stdout).toMatch(/train .*\n.*evaluate .*\n.*predict /);
    expect((await runMenet(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
