import { readdir, realpath, stat } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import path from 'node:path';
import { InputError } from '../errors.js';

/** Labelled images: one folder per class, as torchvision's ImageFolder reads them. */
export interface ImageFolder {
  root: string;
  /** Class names (folder names), sorted; a label is an index into this list. */
  classes: string[];
  samples: { file: string; label: number }[];
}

const extensions = new Set(['.jpg', '.jpeg', '.png', '.webp']);

/**
 * Lists the JPEG, PNG and WebP files (by extension, in any case) below each class
 * folder of `root`, at any depth, following links; hidden folders count as well.
 * @throws InputError for a root that is missing, unreadable or without class
 *   folders, and for a class without images.
 */
export async function scanImageFolder(root: string): Promise<ImageFolder> {
  const classes = await listClasses(root);
  const samples: ImageFolder['samples'] = [];
  for (const [label, name] of classes.entries()) {
    const files = await imagesBelow(path.join(root, name));
    if (files.length === 0) {
      const kinds = [...extensions].join(', ');
      throw new InputError(`${path.join(root, name)}: expected images (${kinds}), got none`);
    }
    for (const file of files) samples.push({ file, label });
  }
  return { root, classes, samples };
}

/**
 * The names of the class folders of `root`, sorted.
 * @throws InputError for a root that is missing, unreadable or without class folders.
 */
export async function listClasses(root: string): Promise<string[]> {
  const classes: string[] = [];
  for (const entry of await list(root)) {
    if (await isFolder(root, entry)) classes.push(entry.name);
  }
  if (classes.length === 0) {
    throw new InputError(`${root}: expected one folder per class, got no folders`);
  }
  return classes.sort();
}

/**
 * Checks that two folders have the same classes, so that labels mean the same.
 * @throws InputError naming the first class that one of them lacks.
 */
export function matchClasses(train: ImageFolder, valid: ImageFolder): void {
  requireClasses(train, valid);
  requireClasses(valid, train);
}

function requireClasses(from: ImageFolder, inside: ImageFolder): void {
  const present = new Set(inside.classes);
  const missing = from.classes.find((name) => !present.has(name));
  if (missing !== undefined) {
    throw new InputError(
      `${inside.root}: expected the classes of ${from.root}, got no folder ${JSON.stringify(missing)}`,
    );
  }
}

/** Image files in torchvision's order: folders by path, then files by name. */
async function imagesBelow(root: string): Promise<string[]> {
  const files: string[] = [];
  const folders = await foldersBelow(root, [await realpath(root)]);
  for (const [folder, names] of folders.sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const name of names.sort()) files.push(path.join(folder, name));
  }
  return files;
}

/** `[folder, its image names]` for a folder and those below; `above` (real paths) stops link cycles. */
async function foldersBelow(folder: string, above: string[]): Promise<[string, string[]][]> {
  const names: string[] = [];
  const found: [string, string[]][] = [[folder, names]];
  for (const entry of await list(folder)) {
    const entryPath = path.join(folder, entry.name);
    if (await isFolder(folder, entry)) {
      const real = await realpath(entryPath);
      if (!above.includes(real)) found.push(...(await foldersBelow(entryPath, [...above, real])));
    } else if (extensions.has(path.extname(entry.name).toLowerCase())) {
      names.push(entry.name);
    }
  }
  return found;
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new InputError(`${folder}: expected a readable folder of images, got ${reason(error)}`);
  }
}

async function isFolder(parent: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return (await stat(path.join(parent, entry.name))).isDirectory();
  } catch {
    return false; // a dangling link: if it is named like an image, decoding reports it
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'nothing there';
  if (code === 'ENOTDIR') return 'a file';
  return code ?? String(error);
}
