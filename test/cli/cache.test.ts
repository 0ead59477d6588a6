import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
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

function trainArguments(label: string, data = tiny.data): string[] {
  const { model, optim, sched, folder } = tiny;
  return [
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', label, '--out', path.join(folder, 'runs'), '--cache', cache],
  ];
}

const train = (label: string) => runMenet(trainArguments(label));

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
  // One of them may find what the other has built.
  const told = runs.map(({ stdout }) => stdout).join('\n');
  expect(told).toMatch(/^cache of .*train: 24 of 24 images$/m);
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

it.skipIf(process.platform === 'win32')(
  'Ctrl-C while one is built: one line, code 130, and nothing is kept',
  async () => {
    const images = path.join(tiny.folder, 'waiting');
    cpSync(path.join(tiny.folder, 'images'), images, { recursive: true });
    const pipe = path.join(images, 'train/triangle/zzz.jpg'); // who reads it waits for a writer
    spawnSync('mkfifo', [pipe]);
    const roots = {
      train_root: path.join(images, 'train'),
      valid_root: path.join(images, 'valid'),
    };
    const data = path.join(tiny.folder, 'waiting.json');
    writeFileSync(
      data,
      JSON.stringify({ ...JSON.parse(readFileSync(tiny.data, 'utf8')), ...roots }),
    );
    const before = readdirSync(cache);
    let sent = false;
    let writer: ChildProcess | undefined;
    const { code, stderr } = await runMenet(trainArguments('waiting', data), (output, child) => {
      if (!sent && /^cache of .* of 25 images$/m.test(output)) sent = child.kill('SIGINT');
      if (output.includes('ending after')) writer ??= spawn('sh', ['-c', `: > "${pipe}"`]);
    });
    writer?.kill();
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: 'menet: interrupted while building the cache; it was not kept\n',
    });
    expect(readdirSync(cache)).toEqual(before);
  },
);
