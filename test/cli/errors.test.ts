import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, readModelConfig } from '../../src/models/model.js';
import { getState } from '../../src/models/state.js';
import { writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { scanImageFolder } from '../../src/data/image_folder.js';
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
async function errorOf(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await runMenet(args, undefined, environment);
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
      /changed_model\.json: field num_classes: expected 8, .*, got 7/,
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
    [
      'nothing to resume',
      () => [...train({}), '--resume', 'none.safetensors'],
      'none.safetensors: expected a readable file, got no such file',
    ],
    [
      'weights to begin with and a checkpoint to resume',
      () => [...train({}), '--pretrained', checkpoint, '--resume'],
      '--pretrained: expected a run without --resume, got',
    ],
    [
      'weights to begin with and only an evaluation',
      () => [...train({}), '--pretrained', checkpoint, '--evaluate'],
      '--pretrained: expected a run without --evaluate, got',
    ],
    [
      'weights of another network',
      () => [...train({ model: changed('model', { init_c: 9 }) }), '--pretrained', checkpoint],
      'weights.safetensors: entry features.init.conv.weight: expected [9, 3, 3, 3], got [6, 3, 3, 3]',
    ],
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
    [
      'a picture of another kind',
      () => ['inspect', '--model', tiny.model, '--graph', file('x.png')],
      '--graph: expected a file ending in .svg, got ',
    ],
    ['an image that is none', () => predict(tiny.model), 'model.json: cannot be decoded'],
    [
      'an unknown backend',
      () => predict('--backend', 'webgl', 'x'),
      '--backend: expected one of menet',
    ],
    ['a device without kernels', () => predict('--device', 'cuda:999', 'x'), '--device: expected '],
    [
      'no thread',
      () => predict('--threads', '0', 'x'),
      '--threads: expected an integer from 1 to 256, got "0"',
    ],
    [
      'more threads than the native core takes',
      () => ['bench', '--quick', '--ops', 'stem', '--threads', '1000'],
      '--threads: expected an integer from 1 to 256, got "1000"',
    ],
    [
      'a batch beyond all memory',
      () => train({ data: changed('data', { batch_size: 1e9 }) }),
      'changed_data.json: field batch_size: expected at most 65536, got 1000000000',
    ],
    [
      'images beyond all memory',
      () => train({ data: changed('data', { image_size: 1e6 }) }),
      'changed_data.json: field image_size: expected at most 4096, got 1000000',
    ],
    [
      'more decode threads than any machine has use for',
      () => train({ data: changed('data', { num_workers: 10000 }) }),
      'changed_data.json: field num_workers: expected at most 256, got 10000',
    ],
    [
      'channels beyond all memory',
      () => train({ model: changed('model', { block_channels: [2400000, 4800000, 9600000] }) }),
      'changed_model.json: field block_channels.0: expected at most 16384, got 2400000',
    ],
    [
      'batches that do not fit in memory',
      () => train({ data: changed('data', { batch_size: 65536, image_size: 4096 }) }),
      'batchSize × imageSize² × 3: expected bytes that fit in memory, got 3298534883328',
    ],
    [
      'batches that have no view',
      () => train({ data: changed('data', { batch_size: 65536, image_size: 256 }) }),
      'batchSize × imageSize² × 3: expected bytes that fit in memory, got 12884901888',
    ],
    [
      'weights that do not fit in memory',
      () => {
        const widths = { block_channels: [5, 12288], block_layers: [0, 0], side_channels: [2, 2] };
        const fields = { ...widths, init_c: 4, groups: 1, num_classes: 1_000_000 };
        return ['inspect', '--model', changed('model', fields)];
      },
      'not enough memory: Invalid typed array length: 12288000000; a smaller batch_size',
    ],
    [
      'a run folder that is a file',
      () => [...train({}), '--out', tiny.data],
      /--out: expected a folder that can be written, got .*data\.json \(a file\)/,
    ],
    [
      'a demo folder that is a file',
      () => ['demo', '--out', tiny.data],
      /--out: expected a folder that can be written, got .*data\.json \(a file\)/,
    ],
    [
      'training on a backend without gradients',
      () => [...train({}), '--backend', 'wasm'],
      '--backend: expected menet, tensorflow or cpu (wasm has no gradients), got "wasm"',
    ],
    [
      'a missing checkpoint',
      () => ['predict', '--model', tiny.model, '--checkpoint', file('none.pth'), 'x'],
      /none\.pth: expected a readable file, got no such file/,
    ],
    [
      'a folder as checkpoint',
      () => ['predict', '--model', tiny.model, '--checkpoint', tiny.folder, 'x'],
      'expected a readable file, got a folder',
    ],
  ])('%s', async (_, args, message) => {
    const found = await errorOf(args());
    expect(found).toMatch(message instanceof RegExp ? message : new RegExp(escape(message)));
  });
});

it.each(['abc', '0', '-1', '1.5', '99999'])('MENET_THREADS=%s', async (MENET_THREADS) => {
  const message = `MENET_THREADS: expected an integer from 1 to 256, got "${MENET_THREADS}"`;
  for (const args of [predict('x'), ['bench', '--quick', '--ops', 'stem']])
    expect(await errorOf(args, { MENET_THREADS })).toContain(message);
});

it('no native binary', async () => {
  expect(await errorOf(predict('x'), { MENET_BINARY: file('none.node') })).toMatch(
    /--backend: menet is not available: .*; --backend cpu runs anywhere/,
  );
});

describe('exit code 1 and one line for', () => {
  it.each([
    ['end', 'process.exit(3);', 'its process ended with 3'],
    ['fail', 'exports.isa = () => { throw new Error("no isa"); };', 'no isa'],
  ])('a benchmark whose processes %s at the start', async (_, program, reason) => {
    const MENET_BINARY = file('binary.cjs');
    writeFileSync(MENET_BINARY, program);
    const { code, stderr } = await runMenet(['bench', '--quick'], undefined, { MENET_BINARY });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `menet: bench: menet: ${reason}\n`,
    });
  });

  it('a loss that is no number', async () => {
    const optim = changed('optim', { learning_rate: 1e30, momentum: 0, nesterov: false });
    const { code, stderr } = await runMenet(train({ optim }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^menet: the loss is (NaN|Infinity) in epoch \d at .*\n$/);
  });
});

it('the good ones of several images are predicted, the others are a line each', async () => {
  const { samples } = await scanImageFolder(file('images/valid'));
  const [first, last] = [samples[0]!.file, samples.at(-1)!.file];
  const images = [first, 'none.jpg', last];
  const { code, stdout, stderr } = await runMenet(predict('--json', ...images), undefined, {
    MENET_DEVICE: '', // as if it were not set
  });
  expect(code).toBe(2);
  expect(stderr).toBe('menet: none.jpg: cannot be read (ENOENT)\n');
  const results = JSON.parse(stdout) as { image: string }[];
  expect(results.map(({ image }) => image)).toEqual([first, last]);
});

it('output that nobody reads any more does not end a run', async () => {
  const args = [...train({}), '--label', 'unread', '--print-freq', '1'];
  const { code, stderr } = await runMenet(args, (_, child) => child.stdout?.destroy());
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
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

  it('help COMMAND is COMMAND --help', async () => {
    expect(await runMenet(['help', 'train'])).toEqual(await runMenet(['train', '--help']));
  });

  it('without a command lists them, --version prints the version', async () => {
    expect((await runMenet([])).stdout).toMatch(/train (.*\n)*.*evaluate (.*\n)*.*predict /);
    expect((await runMenet(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
