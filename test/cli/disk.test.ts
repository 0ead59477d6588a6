/** What a run does when the disk will not take its checkpoints. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { readLog } from '../../src/report/log_file.js';
import { makeTinyRun, type TinyRun } from '../train/tiny_run.js';
import { runMenet } from './run_menet.js';

const script = path.resolve(import.meta.dirname, '../../bin/menet.js');

let tiny: TinyRun;
let size: number;
const inside = (name: string) => path.join(tiny.folder, name);
const lastOf = (label: string) => inside(`runs/${label}/last.safetensors`);

function trainArguments(label: string, out = inside('runs')): string[] {
  const { data, model, optim, sched } = tiny;
  return [
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', label, '--out', out, '--save-every', '1', '--print-freq', '1'],
  ];
}

/** Runs the command line inside a shell script, as "$@". */
function runInShell(
  [command, ...options]: readonly string[],
  before: string,
  args: readonly string[],
) {
  const shell = [...options, `${before}; "$@"`, 'sh', process.execPath, script, ...args];
  const { status, stderr } = spawnSync(command!, shell, {
    encoding: 'utf8',
    env: { ...process.env, MENET_THREADS: '1' },
  });
  return { code: status, stderr };
}

beforeAll(async () => {
  tiny = await makeTinyRun();
  expect((await runMenet(trainArguments('whole'))).code).toBe(0);
  size = statSync(lastOf('whole')).size;
});
afterAll(() => tiny.remove());

describe('a disk that takes no whole checkpoint', () => {
  it('ends the run with one line, and the checkpoint from before stays', async () => {
    mkdirSync(inside('runs/limited'));
    const epoch = inside('runs/whole/epoch-0001.safetensors');
    copyFileSync(epoch, lastOf('limited'));
    // The limit on file sizes fails in a write, as a full disk does; Node ignores its signal.
    const limit = `ulimit -f ${Math.floor(size / 1024) - 1}`;
    const args = [...trainArguments('limited'), '--resume'];
    const { code, stderr } = runInShell(['bash', '-c'], limit, args);
    expect(stderr).toBe(
      `menet: ${lastOf('limited')}: expected to be able to write it, ` +
        'got a limit on file sizes (EFBIG); the one from before is unharmed\n',
    );
    expect(code).toBe(2);
    expect(readFileSync(lastOf('limited')).equals(readFileSync(epoch))).toBe(true);
    const log = await readLog(inside('runs/limited/log.jsonl'));
    expect(log.at(-1)).toMatchObject({ outcome: 'failed', reason: stderr.slice(7).trim() });
    const left = readdirSync(inside('runs/limited'));
    expect(left.filter((name) => /tmp$|^lock$/.test(name))).toEqual([]);
    expect((await runMenet(args)).code).toBe(0);
    const { tensors } = await readCheckpoint(lastOf('limited'));
    expect(tensors).toEqual((await readCheckpoint(lastOf('whole'))).tensors);
  });
});

it('a folder that is removed meanwhile ends the run with one line', async () => {
  let removed = false;
  const { code, stderr } = await runMenet(trainArguments('removed'), (output) => {
    if (removed || !output.startsWith('train 1/')) return;
    removed = true;
    renameSync(inside('runs/removed'), inside('gone')); // at once, whatever it writes
  });
  expect(stderr).toMatch(/^menet: .*runs\/removed.*: expected .*ENOENT.*\n$/);
  expect(code).toBe(2);
});

const mounts = ['unshare', '--map-root-user', '--mount', 'sh', '-c'];
const canMount =
  spawnSync(mounts[0]!, [...mounts.slice(1), 'mount -t tmpfs none /mnt']).status === 0;
describe.skipIf(!canMount)(canMount ? 'mounted' : 'mounted (skipped: cannot mount)', () => {
  it('a full disk ends the run with one line, and the checkpoint from before stays', () => {
    const disk = inside('disk');
    const kept = inside('kept');
    mkdirSync(disk);
    mkdirSync(kept);
    const epoch = inside('runs/whole/epoch-0001.safetensors');
    const left = Math.floor((0.8 * size) / 1024);
    const mount = [
      `mount -t tmpfs -o size=4m none ${disk} && mkdir ${disk}/a || exit 9`,
      `cp ${epoch} ${disk}/a/last.safetensors`,
      `free=$(df -k --output=avail ${disk} | tail -n 1)`,
      `head -c $(((free - ${left}) * 1024)) /dev/zero > ${disk}/filler`,
      `trap 'cp ${disk}/a/* ${kept}' EXIT`,
    ].join('\n');
    const args = [...trainArguments('a', disk), '--resume'];
    const { code, stderr } = runInShell(mounts, mount, args);
    expect(stderr).toMatch(
      /^menet: .*\.safetensors: expected to be able to write it, got a full disk \(ENOSPC\).*\n$/,
    );
    expect(code).toBe(2);
    const last = readFileSync(path.join(kept, 'last.safetensors'));
    expect(last.equals(readFileSync(epoch))).toBe(true);
    expect(readdirSync(kept).filter((name) => /tmp$/.test(name))).toEqual([]);
  });

  it('a read-only disk is refused with one line', () => {
    const disk = inside('read-only');
    mkdirSync(disk);
    const mount = `mount -t tmpfs none ${disk} && mkdir ${disk}/a && mount -o remount,ro ${disk} || exit 9`;
    const { code, stderr } = runInShell(mounts, mount, trainArguments('a', disk));
    expect(stderr).toMatch(
      /^menet: --out: expected a folder that can be written, got .*EROFS\)\n$/,
    );
    expect(code).toBe(2);
  });
});
