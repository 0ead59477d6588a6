import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from '../src/make_folder.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'menet-folder-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

test('makes what is missing, and takes what is there', () => {
  const folder = path.join(root, 'a', 'b', 'c');
  makeFolder(folder);
  makeFolder(folder);
  expect(existsSync(folder)).toBe(true);
});

test.each(['link', 'link/inside', 'file', 'file/inside'])('fails at %s', (name) => {
  symlinkSync(path.join(root, 'nowhere', 'at', 'all'), path.join(root, 'link'));
  writeFileSync(path.join(root, 'file'), '');
  expect(() => makeFolder(path.join(root, name))).toThrow(/EEXIST|ENOTDIR/);
});

test.skipIf(!existsSync('/proc/self'))('fails where the system makes no folders', () => {
  expect(() => makeFolder('/proc/menet/runs')).toThrow(/ENOENT/);
});
