import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { RunFolder } from '../../src/train/run_folder.js';
import { RunLock } from '../../src/train/run_lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'menet-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inside = (name: string) => path.join(folder, name);
const holder = (fields: object) => writeFileSync(inside('lock'), JSON.stringify(fields));
const startOf = (pid: number) =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19];

describe('the lock of a run folder', () => {
  it('keeps a second trainer out, naming process and host, until it is released', () => {
    const lock = new RunLock(folder);
    const message =
      `${inside('lock')}: expected no other trainer on this run, ` +
      `got process ${process.pid} on ${hostname()}`;
    expect(() => new RunLock(folder)).toThrow(message);
    lock.release();
    new RunLock(folder).release();
    expect(() => readFileSync(inside('lock'))).toThrow('ENOENT');
  });

  it('is taken over from a process that is gone', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    holder({ pid, host: hostname(), started: '1' });
    new RunLock(folder).release();
  });

  it.skipIf(process.platform !== 'linux')(
    'is taken over from a process whose pid is reused',
    () => {
      holder({ pid: process.pid, host: hostname(), started: '1' });
      new RunLock(folder).release();
      holder({ pid: process.pid, host: hostname(), started: startOf(process.pid) });
      expect(() => new RunLock(folder)).toThrow('expected no other trainer');
    },
  );

  it('is taken over where it was cut short', () => {
    writeFileSync(inside('lock'), '{"pid":');
    new RunLock(folder).release();
  });

  it('of another host is left alone', () => {
    holder({ pid: 1, host: 'elsewhere', started: '1' });
    expect(() => new RunLock(folder)).toThrow(
      'got process 1 on elsewhere; if it has ended, remove the file',
    );
  });

  it('is not removed by who lost it', () => {
    const lock = new RunLock(folder);
    holder({ pid: 1, host: 'elsewhere' });
    expect(() => lock.requireHeld()).toThrow('got one that began at the same moment');
    lock.release();
    expect(readFileSync(inside('lock'), 'utf8')).toContain('elsewhere');
  });

  it('goes to one of many that find it stale', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    holder({ pid, host: hostname(), started: '1' });
    const script = path.resolve(import.meta.dirname, 'take_lock.js');
    const takers = Array.from({ length: 6 }, () => {
      const taker = spawn(process.execPath, [script, folder], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      return { taker, said: once(taker.stdout, 'data').then(([text]) => String(text).trim()) };
    });
    const said = await Promise.all(takers.map((one) => one.said));
    expect(said.sort()).toEqual(['refused', 'refused', 'refused', 'refused', 'refused', 'taken']);
    takers.forEach(({ taker }) => taker.stdin.end());
    await Promise.all(takers.map(({ taker }) => once(taker, 'exit')));
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a run folder', () => {
  const state = { model_name: 'menet', last_epoch: 1, best_prec1: 3, step: 1 };
  const saveRun = (name: string) =>
    writeSafetensors(inside(name), { tensors: new Map(), metadata: state });

  it('refuses a new run where there is one, and lets go of the lock', async () => {
    await saveRun('last.safetensors');
    await expect(RunFolder.open(folder)).rejects.toThrow(
      `${folder}: expected a new run, found one of epoch 3; ` +
        '--resume goes on with it, another --label starts anew',
    );
    (await RunFolder.open(folder, { resume: inside('last.safetensors') })).close();
    const other = path.join(folder, 'other');
    await (await RunFolder.open(other)).describe({ seed: 1 } as never);
    const elsewhere = RunFolder.open(folder, { resume: path.join(other, 'config.json') });
    await expect(elsewhere).rejects.toThrow('found one of epoch 3');
  });

  it('starts anew where asked to', async () => {
    await saveRun('last.safetensors');
    await saveRun('epoch-0002.safetensors');
    (await RunFolder.open(folder, { replace: true })).close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('loses the temporary files of killed writers, and nothing else', async () => {
    writeFileSync(inside('.last.safetensors.0123456789ab.tmp'), 'half');
    writeFileSync(inside('.mine.tmp'), '');
    (await RunFolder.open(folder)).close();
    expect(await readdir(folder)).toEqual(['.mine.tmp']);
  });

  it('must be a folder', async () => {
    writeFileSync(inside('file'), '');
    await expect(RunFolder.open(inside('file'))).rejects.toThrow(
      `${inside('file')}: expected to be able to write it, got`,
    );
  });
});
