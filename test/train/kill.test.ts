/**
 * A run that is killed with SIGKILL, again and again, ends with the bits of one that is not.
 * `MENET_TEST_ALL` kills at least 200 times.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../src/random.js';
import { timelessContents, trainKilled, trainWhole } from './killed_run.js';
import { makeTinyRun, tinyConfigurations, type TinyRun } from './tiny_run.js';

const long = Boolean(process.env.MENET_TEST_ALL);
// Of every variant; a run is killed this often at most.
const KILLS = long ? 70 : 2;
const KILLS_PER_RUN = long ? 6 : 3;

let tiny: TinyRun;
beforeAll(async () => {
  tiny = await makeTinyRun();
});
afterAll(() => tiny.remove());

const { optim, data } = tinyConfigurations;
const recipe = { ema_decay: 0.9, label_smoothing: 0.1, weight_decay_norms: false, clip_norm: 1 };
const variants = [
  { name: 'SGD with momentum', O: { ...optim, epochs: 3 }, D: {} },
  {
    name: 'the recipe: moving average, mixup, CutMix, accumulation',
    O: { ...optim, ...recipe, accumulate_steps: 2, epochs: 4 },
    D: { mixup_alpha: 0.2, cutmix_alpha: 1, random_augment: 'trivial_augment', batch_size: 4 },
  },
  {
    name: 'Adam',
    O: {
      name: 'Adam',
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      learning_rate: 0.02,
      weight_decay: 0.0001,
      epochs: 3,
    },
    D: {},
  },
];

describe.concurrent.each(variants)('killed runs of $name', ({ name, O, D }) => {
  const configure = (label: string): string[] => {
    const folder = path.join(tiny.folder, name);
    mkdirSync(folder, { recursive: true });
    const write = (field: string, value: object) => {
      const file = path.join(folder, `${field}.json`);
      writeFileSync(file, JSON.stringify(value));
      return file;
    };
    const roots = {
      train_root: path.join(tiny.folder, 'images/train'),
      valid_root: path.join(tiny.folder, 'images/valid'),
    };
    const dataFile = write('data', { ...data, ...roots, num_workers: 0, ...D });
    return [
      ...['train', '--data', dataFile, '--model', tiny.model, '--optim', write('optim', O)],
      ...['--sched', tiny.sched, '--label', label, '--out', folder],
      ...['--print-freq', '1', '--save-every', '1', '--keep', '2', '--seed', '5'],
    ];
  };

  it(`end with the same bits (at least ${KILLS} kills)`, { timeout: 1_200_000 }, async () => {
    await trainWhole(configure('whole'));
    const folder = (label: string) => path.join(tiny.folder, name, label);
    const contents = (label: string) =>
      Promise.all(
        ['last', 'best'].map((file) =>
          timelessContents(path.join(folder(label), `${file}.safetensors`)),
        ),
      );
    const whole = await contents('whole');
    const checkpointsOf = (label: string) =>
      readdirSync(folder(label))
        .filter((one) => /safetensors|tmp$|lock/.test(one))
        .sort();
    let kills = 0;
    for (let seed = 0; kills < KILLS; seed++) {
      const label = `killed-${seed}`;
      const random = randomStream(seed, 0, 0);
      kills += await trainKilled(configure(label), folder(label), KILLS_PER_RUN, random);
      expect(await contents(label)).toEqual(whole);
      expect(checkpointsOf(label)).toEqual(checkpointsOf('whole'));
    }
  });
});
