import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { matchClasses, scanImageFolder } from '../../src/data/image_folder.js';
import { InputError } from '../../src/errors.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'menet-folder-'));
});
afterEach(() => rm(root, { recursive: true }));

async function touch(...files: string[]): Promise<void> {
  for (const file of files) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), 'x');
  }
}

test('classes and files are sorted, nested ones included, other files ignored', async () => {
  await touch('b/2.JPEG', 'b/10.png', 'b/sub/0.WebP', 'b/a-b/1.jpg', 'b/notes.txt', 'a/x.jpg');
  await touch('readme.txt');
  const folder = await scanImageFolder(root);
  expect(folder.classes).toEqual(['a', 'b']);
  expect(folder.samples.map(({ file, label }) => [path.relative(root, file), label])).toEqual([
    ['a/x.jpg', 0],
    ['b/10.png', 1],
    ['b/2.JPEG', 1],
    ['b/a-b/1.jpg', 1],
    ['b/sub/0.WebP', 1],
  ]);
});

test('links are followed, cycles and dangling links survived', async () => {
  await touch('real/a/1.jpg', 'root/b/1.jpg');
  await symlink(path.join(root, 'real/a'), path.join(root, 'root/a'));
  await symlink(path.join(root, 'root'), path.join(root, 'root/b/loop'));
  await symlink(path.join(root, 'gone'), path.join(root, 'root/b/0.jpg'));
  const folder = await scanImageFolder(path.join(root, 'root'));
  expect(folder.classes).toEqual(['a', 'b']);
  expect(folder.samples.length).toBeLessThan(10);
  expect(folder.samples.map(({ file }) => file)).toContain(path.join(root, 'root/b/0.jpg'));
});

test('a missing root, one that is a file, one without folders, an empty class are named', async () => {
  const missing = path.join(root, 'missing');
  await expect(scanImageFolder(missing)).rejects.toThrow(`${missing}: expected a readable folder`);
  await touch('file');
  await expect(scanImageFolder(path.join(root, 'file'))).rejects.toThrow('got a file');
  await expect(scanImageFolder(root)).rejects.toThrow(/one folder per class, got no folders/);
  await touch('a/1.jpg', 'b/1.txt');
  const error: unknown = await scanImageFolder(root).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toBe(
    `${path.join(root, 'b')}: expected images (.jpg, .jpeg, .png, .webp), got none`,
  );
});

test.skipIf(process.getuid?.() === 0)('a folder without permission is named', async () => {
  await touch('a/1.jpg');
  await chmod(path.join(root, 'a'), 0);
  await expect(scanImageFolder(root)).rejects.toThrow(/a: expected a readable folder.*EACCES/);
  await chmod(path.join(root, 'a'), 0o700);
});

test('a class missing in, or only in, validation is named', async () => {
  const folder = (name: string, classes: string[]) => ({ root: name, classes, samples: [] });
  const train = folder('train', ['cat', 'dog']);
  matchClasses(train, folder('valid', ['cat', 'dog']));
  expect(() => matchClasses(train, folder('valid', ['dog']))).toThrow(
    'valid: expected the classes of train, got no folder "cat"',
  );
  expect(() => matchClasses(train, folder('valid', ['cat', 'dog', 'owl']))).toThrow(
    'train: expected the classes of valid, got no folder "owl"',
  );
});
