import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { copyFile, link, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.js';

/**
 * Replaces a file as a whole: whoever reads it, and whatever stops the process, there is the old
 * content or the new one. The bytes go to a temporary file in the same folder, reach the disk and
 * are renamed over `file`; on failure the temporary file is removed.
 * @param chunks the new content in order
 * @throws InputError naming the file where the system refuses, as a full disk does
 */
export async function writeFileAtomic(file: string, chunks: Iterable<Uint8Array>): Promise<void> {
  await replace(file, async (temporary) => {
    const handle = await open(temporary, 'wx');
    await writeAndClose(handle, chunks);
  });
}

/**
 * Gives a file a second name, atomically replacing what had it. Nothing is written twice where
 * the file system has hard links; elsewhere it becomes a copy.
 * @throws InputError naming the file where the system refuses
 */
export async function linkFileAtomic(existing: string, file: string): Promise<void> {
  await replace(file, async (temporary) => {
    try {
      await link(existing, temporary);
    } catch {
      await copyFile(existing, temporary);
      await syncPath(temporary, 'r+');
    }
  });
}

/** Removes the temporary files of writers that were killed; there must be no others in the folder. */
export async function removeTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
}

/** A name beside a file that {@link removeTemporaryFiles} knows. */
export function temporaryName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
}

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

async function replace(file: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await write(temporary);
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw writeFailure(file, error);
  }
}

async function writeAndClose(handle: FileHandle, chunks: Iterable<Uint8Array>): Promise<void> {
  try {
    // writeFile on a handle goes on where the last one ended.
    for (const chunk of chunks) await handle.writeFile(chunk);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the rename itself durable. Windows cannot open folders, and needs no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform !== 'win32') await syncPath(folder, 'r');
}

async function syncPath(file: string, flags: 'r' | 'r+'): Promise<void> {
  const handle = await open(file, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const reasons: Record<string, string> = {
  ENOSPC: 'a full disk',
  EDQUOT: 'a used-up quota',
  EFBIG: 'a limit on file sizes',
  EROFS: 'a read-only file system',
  EACCES: 'no permission to write',
  EPERM: 'no permission to write',
  ENOENT: 'no such folder',
  ENOTDIR: 'a file where a folder should be',
  EISDIR: 'a folder of that name',
  EEXIST: 'a file of that name',
};

/** What a failure to write is to the user: one line, which says that nothing was lost if so. */
export function writeFailure(file: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const kept = existsSync(file) ? '; the one from before is unharmed' : '';
  const reason = reasons[code] ?? 'an error';
  return new InputError(`${file}: expected to be able to write it, got ${reason} (${code})${kept}`);
}
