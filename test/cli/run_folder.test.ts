import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTinyRun, type TinyRun } from '../train/tiny_run.js';
import { runMenet } from './run_menet.js';

let tiny: TinyRun;
beforeAll(async () => {
  tiny = await makeTinyRun();
  expect((await train('a', '--seed', '7')).code).toBe(0);
});
afterAll(() => tiny.remove());

function trainArguments(label: string, ...more: string[]): string[] {
  const { data, model, optim, sched, folder } = tiny;
  return [
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', label, '--out', path.join(folder, 'runs'), '--print-freq', '1', ...more],
  ];
}

const train = (label: string, ...more: string[]) => runMenet(trainArguments(label, ...more));

/** A configuration of the run with some fields changed, in a file of its own. */
function changed(file: string, fields: object): string {
  const copy = file.replace(/\.json$/, `_${Object.keys(fields).join('_')}.json`);
  writeFileSync(copy, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...fields }));
  return copy;
}

async function expectLine(outcome: ReturnType<typeof runMenet>, message: string | RegExp) {
  const { code, stdout, stderr } = await outcome;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
}

describe('a run folder', () => {
  it('takes no second run', () =>
    expectLine(
      train('a'),
      /runs\/a: expected a new run, found one of epoch 2; --resume goes on with it, another --label starts anew/,
    ));

  it('is not what is wrong where the checkpoint to resume is missing', () =>
    expectLine(
      train('a', '--resume', 'none.safetensors'),
      /none\.safetensors: expected a readable file, got no such file$/m,
    ));

  it.each([
    [
      'optim',
      { learning_rate: 0.5 },
      'field optimizer.learning_rate: expected 0.5, as in this run, got 0.02',
    ],
    ['data', { batch_size: 4 }, 'field data.batch_size: expected 4, as in this run, got 8'],
    ['sched', { gamma: 0.9 }, 'field schedule.gamma: expected 0.9, as in this run, got 0.5'],
    [
      'sched',
      { name: 'ExponentialLR', step_size: undefined },
      'field schedule.name: expected "ExponentialLR", as in this run, got "StepLR"',
    ],
    ['model', { init_c: 3 }, 'field model.init_c: expected 3, as in this run, got 6'],
  ] as const)('of another configuration (%s) is not resumed', (file, fields, message) => {
    const resumed = train('a', `--${file}`, changed(tiny[file], fields), '--resume');
    return expectLine(resumed, `last.safetensors: ${message}`);
  });

  it('goes on with more epochs, other workers and other roots', async () => {
    const optim = changed(tiny.optim, { epochs: 3 });
    const moved = path.join(tiny.folder, 'moved');
    cpSync(path.join(tiny.folder, 'images'), moved, { recursive: true });
    const roots = { train_root: path.join(moved, 'train'), valid_root: path.join(moved, 'valid') };
    const data = changed(tiny.data, { num_workers: 0, ...roots });
    const { code, stdout } = await train(
      'a',
      '--optim',
      optim,
      '--data',
      data,
      '--keep',
      '2',
      '--resume',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^train 3\/3 /);
    const config = path.join(tiny.folder, 'runs/a/config.json');
    expect(JSON.parse(readFileSync(config, 'utf8'))).toMatchObject({
      data: { num_workers: 0, image_size: 32 },
      optimizer: { epochs: 3 },
      seed: 7,
      backend: 'menet',
    });
    const epochs = readdirSync(path.dirname(config)).filter((name) => name.startsWith('epoch-'));
    expect(epochs.sort()).toEqual(['epoch-0002.safetensors', 'epoch-0003.safetensors']);
  });

  it('has one trainer at a time, and is free when that one is killed', async () => {
    const optim = changed(tiny.optim, { epochs: 500 });
    let second: ReturnType<typeof runMenet> | undefined;
    let pid: number | undefined;
    const args = trainArguments('b', '--optim', optim, '--save-every', '1');
    const first = await runMenet(args, (output, child) => {
      if (!output.includes('2/3')) return; // the first step's checkpoint is written
      ({ pid } = child);
      second ??= runMenet([...args, '--resume']).finally(() => child.kill('SIGKILL'));
    });
    expect(first.code).toBe(null);
    await expectLine(
      second!,
      `runs/b/lock: expected no other trainer on this run, got process ${pid} on ${hostname()}`,
    );
    const { code } = await train('b', '--optim', changed(tiny.optim, { epochs: 1 }), '--resume');
    expect(code).toBe(0);
  });
});
