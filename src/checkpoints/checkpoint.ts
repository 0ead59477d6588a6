import { open } from 'node:fs/promises';
import { InputError, reject } from '../errors.js';
import type { HostTensor } from './host_tensor.js';
import { isLegacy, isZip, readLegacy, readZip } from './pth.js';
import { isSafetensors, readSafetensors } from './safetensors.js';
import { readTrainerCheckpoint } from './trainer_checkpoint.js';

export type { HostArray } from './data_type.js';
export type { HostTensor } from './host_tensor.js';
export { writePth } from './pth_writer.js';
export { writeSafetensors } from './safetensors.js';

/**
 * A model's weights under their published names, in order, optimizer slots as
 * `optimizer.momentum.NAME`, and everything else the file says as plain JSON-like values.
 */
export interface Checkpoint {
  tensors: Map<string, HostTensor>;
  metadata: Record<string, unknown>;
}

// Node reads no larger file in one piece; the largest published network has 12 MB.
const MAX_FILE = 2 ** 31 - 1;

/**
 * Reads a checkpoint in PyTorch's legacy or zip format or in safetensors, told apart by content.
 * Tensors of a file may share memory with each other.
 * @throws InputError naming the file, the place, what was expected and what was found
 */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  return parseCheckpoint(await readBytes(file), file);
}

/** {@link readCheckpoint} of bytes in memory; `file` is for error messages. */
export function parseCheckpoint(bytes: Uint8Array, file: string): Checkpoint {
  if (isSafetensors(bytes)) return readSafetensors(bytes, file);
  if (isZip(bytes)) return readTrainerCheckpoint(readZip(bytes, file), file, bytes.length);
  if (isLegacy(bytes)) return readTrainerCheckpoint(readLegacy(bytes, file), file, bytes.length);
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  const found = start ? `bytes ${start}` : '0 bytes';
  return reject(file, 'a PyTorch (.pth.tar, .pth) or safetensors file', found);
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file, 'r');
    try {
      const status = await handle.stat();
      if (!status.isFile())
        rejectFile(file, status.isDirectory() ? 'a folder' : 'neither file nor folder');
      if (status.size > MAX_FILE) reject(file, `at most ${MAX_FILE} bytes`, status.size);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return rejectFile(file, code === 'ENOENT' ? 'no such file' : code);
  }
}

function rejectFile(file: string, found: string): never {
  throw new InputError(`${file}: expected a readable file, got ${found}`);
}
