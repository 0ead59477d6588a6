import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from '../checkpoints/crc32.js';
import { InputError } from '../errors.js';

/*
 * The file of a raw cache: a header, the images' bytes in any order, the index as JSON.
 *
 *   0  'MENETRAW'    8  uint32 format    12  uint32 CRC-32 of the index
 *   16 float64 bytes of the file         24  float64 position of the index     (little endian)
 */

const magic = 'MENETRAW';
const format = 1;
export const headerBytes = 32;

/** What is in a cache, and what it was made from. The columns have an entry per image. */
export interface CacheIndex {
  /** The folder's real path. */
  root: string;
  /** Larger images were shrunk until their shorter side had this many pixels. */
  shorterSide: number;
  /** Which decoder made the pixels. */
  decoder: string;
  /** Relative to the root. */
  files: string[];
  /** Bytes of the source, -1 where it could not be read. */
  sizes: number[];
  /** Its time of modification, in milliseconds. */
  times: number[];
  /** Where the pixels begin in the file; width 0 where the source is broken. */
  offsets: number[];
  widths: number[];
  heights: number[];
  /** `[position, reason]` of each broken image. */
  broken: [number, string][];
}

/** A cache file that is open; whatever takes its name, this one stays. */
export interface OpenCacheFile {
  descriptor: number;
  index: CacheIndex;
}

/**
 * Opens a cache; gives nothing where there is no file, or one of another format.
 * @throws InputError for a file that is none of ours, was cut or damaged
 */
export function openCacheFile(file: string): OpenCacheFile | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw damaged(file, `something that cannot be read (${code})`);
  }
  let index: CacheIndex | undefined;
  try {
    index = readIndex(descriptor, file);
    return index && { descriptor, index };
  } finally {
    if (!index) closeSync(descriptor);
  }
}

function readIndex(descriptor: number, file: string): CacheIndex | undefined {
  const status = fstatSync(descriptor);
  if (!status.isFile()) throw damaged(file, 'no file');
  const header = readAt(descriptor, 0, Math.min(headerBytes, status.size));
  if (header.toString('latin1', 0, 8) !== magic) throw damaged(file, 'a file of another kind');
  if (header.length < headerBytes) throw damaged(file, `${status.size} bytes`);
  if (header.readUInt32LE(8) !== format) return undefined;
  const length = header.readDoubleLE(16);
  const position = header.readDoubleLE(24);
  if (length !== status.size) throw damaged(file, `${status.size} of ${length} bytes`);
  if (!(position >= headerBytes && position <= length)) throw damaged(file, 'a damaged header');
  const bytes = readAt(descriptor, position, length - position);
  if (crc32(bytes) !== header.readUInt32LE(12)) throw damaged(file, 'a damaged index');
  return JSON.parse(bytes.toString()) as CacheIndex;
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, bytes, done, length - done, position + done);
    if (count === 0) break; // cut at this moment: the checksum tells
    done += count;
  }
  return bytes;
}

/** Header and index of a cache whose images end at `end`, each with its position in the file. */
export function encodeIndex(index: CacheIndex, end: number): [bytes: Buffer, position: number][] {
  const bytes = Buffer.from(JSON.stringify(index));
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 'latin1');
  header.writeUInt32LE(format, 8);
  header.writeUInt32LE(crc32(bytes), 12);
  header.writeDoubleLE(end + bytes.length, 16);
  header.writeDoubleLE(end, 24);
  return [
    [bytes, end],
    [header, 0],
  ];
}

function damaged(file: string, found: string): InputError {
  return new InputError(
    `${file}: expected a raw cache, got ${found}; without the file it is built anew`,
  );
}
