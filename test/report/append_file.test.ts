import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { AppendFile } from '../../src/report/append_file.js';
import { temporaryFolder } from './recorded_run.js';

const { folder, remove } = temporaryFolder();
afterAll(remove);

function open(name: string, size = 0) {
  const file = path.join(folder, name);
  const messages: string[] = [];
  return { file, messages, open: () => new AppendFile(file, size, (line) => messages.push(line)) };
}

describe('a growing file', () => {
  it('keeps what it is told to, and gets every piece once and in order', async () => {
    const { file, messages, open: start } = open('pieces', 5);
    writeFileSync(file, `kept\n${'and not kept\n'.repeat(100)}`);
    const growing = start();
    for (let i = 0; i < 100; i++) {
      growing.append(`${i}\n`);
      if (i % 7 === 0) void growing.flush(); // pieces come while others are written
      if (i % 10 === 0) await Promise.resolve();
    }
    await growing.finish();
    const numbers = Array.from({ length: 100 }, (_, i) => `${i}\n`).join('');
    expect(readFileSync(file, 'utf8')).toBe(`kept\n${numbers}`);
    expect(messages).toEqual([]);
  });

  it('reaches the disk by itself', async () => {
    const { file, open: start } = open('itself');
    start().append('piece');
    await expect
      .poll(() => existsSync(file) && readFileSync(file, 'utf8'), { timeout: 10_000 })
      .toBe('piece');
  });

  it('reaches the disk before a process ends that has failed', () => {
    const { file } = open('failed');
    const built = pathToFileURL(path.resolve('dist/report/append_file.js')).href;
    const script = `
      const { AppendFile } = await import(${JSON.stringify(built)});
      new AppendFile(${JSON.stringify(file)}, 0, console.error).append('last words');
      process.exitCode = 1;`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(status).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('last words');
  });

  it('reports a failure once, and catches up when the disk takes writes again', async () => {
    const { file, messages, open: start } = open('failing');
    mkdirSync(file); // in the way
    const growing = start();
    growing.append('one ');
    await growing.flush();
    growing.append('two ');
    await growing.flush();
    expect(messages).toEqual([`${file}: cannot be written (EISDIR); training goes on without it`]);
    rmdirSync(file);
    growing.append('three');
    await growing.finish();
    expect(readFileSync(file, 'utf8')).toBe('one two three');
    expect(messages).toHaveLength(1);
  });

  it('says what was lost', async () => {
    const { file, messages, open: start } = open('lost');
    mkdirSync(file);
    const growing = start();
    for (let i = 0; i < 3; i++) growing.append('piece');
    await growing.finish();
    expect(messages[1]).toBe(`${file}: 3 records could not be written`);
  });

  it.skipIf(!existsSync('/dev/full'))('survives a full disk', async () => {
    const messages: string[] = [];
    const growing = new AppendFile('/dev/full', 0, (line) => messages.push(line));
    for (let i = 0; i < 20; i++) growing.append(Buffer.alloc(2 ** 20));
    await growing.finish();
    expect(messages[0]).toMatch(/^\/dev\/full: cannot be written \(ENOSPC\); training goes on/);
    expect(messages[1]).toBe('/dev/full: 20 records could not be written');
  });
});
