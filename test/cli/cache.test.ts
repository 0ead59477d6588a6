import { readdirSync, rmSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTinyRun, type TinyRun } from '../train/tiny_run.js';
import { runMenet } from './run_menet.js';

let tiny: TinyRun;
let cache: string;

beforeAll(async () => {
  tiny = await makeTinyRun();
  cache = path.join(tiny.folder, 'cache');
});
afterAll(() => tiny.remove());

function train(label: string) {
  const { data, model, optim, sched, folder } = tiny;
  return runMenet([
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', label, '--out', path.join(folder, 'runs'), '--cache', cache],
  ]);
}

function evaluate(label: string, ...rest: string[]) {
  const checkpoint = path.join(tiny.folder, 'runs', label, 'best.safetensors');
  return runMenet([
    ...['evaluate', '--data', tiny.data, '--model', tiny.model, '--checkpoint', checkpoint],
    ...['--json', ...rest],
  ]);
}

it('two trainers build and share a cache; what it holds evaluates as what is decoded', async () => {
  const runs = await Promise.all([train('one'), train('two')]);
  for (const { code, stderr } of runs) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(runs[0]!.stdout).toMatch(/^cache of .*train: 24 of 24 images$/m);
  const files = readdirSync(cache);
  expect(files.map((name) => name.split('-')[0]).sort()).toEqual(['train', 'valid']);
  const [decoded, cached] = await Promise.all([evaluate('one'), evaluate('one', '--cache', cache)]);
  const figures = ({ stdout }: typeof decoded) =>
    ({ ...(JSON.parse(stdout) as object), images_per_second: 0 }) as object;
  expect(figures(cached)).toEqual(figures(decoded));
  expect(readdirSync(cache)).toEqual(files);
});

it('a damaged one is one line and code 2; without it all is well', async () => {
  const file = path.join(
    cache,
    readdirSync(cache).find((name) => name.startsWith('valid'))!,
  );
  truncateSync(file, 50);
  const { code, stdout, stderr } = await evaluate('one', '--cache', cache);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^menet: .*\.raw: expected a raw cache, got 50 of \d+ bytes; without the file it is built anew\n$/,
  );
  rmSync(file);
  expect((await evaluate('one', '--cache', cache)).code).toBe(0);
});
