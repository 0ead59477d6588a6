/**
 * PyTorch's two checkpoint formats, as torch/serialization.py writes them.
 *
 * Legacy (before 1.6; usually named .pth.tar, though no tar file): five pickles (a magic number,
 * the protocol 1001, a dict about the machine, the object, the list of storage keys), then of each
 * storage in that list its length as int64 and its elements.
 *
 * Zip: NAME/data.pkl holds the object, NAME/data/KEY the elements of each storage.
 */
import { reject } from '../errors.js';
import { ByteCursor } from './byte_cursor.js';
import type { HostTensor } from './host_tensor.js';
import type { PickleValue, TensorRef } from './pickle_value.js';
import { describe, printable } from './pickle_value.js';
import { StorageTable } from './storage_table.js';
import { unpickle } from './unpickle.js';
import { ZipArchive } from './zip.js';

/** What a file pickled, and how to get at the tensors in it. */
export interface PickledFile {
  root: PickleValue;
  tensor(ref: TensorRef, name: string): HostTensor;
}

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
// Protocol 2, LONG1 of ten bytes: the start of the pickled magic number.
const LEGACY_START = [0x80, 0x02, 0x8a, 0x0a];
const ZIP_START = [0x50, 0x4b, 0x03, 0x04];

export const isLegacy = (bytes: Uint8Array): boolean => startsWith(bytes, LEGACY_START);
export const isZip = (bytes: Uint8Array): boolean => startsWith(bytes, ZIP_START);

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads PyTorch's legacy format.
 * @param file the path, for error messages
 * @throws InputError for anything that PyTorch would not have written
 */
export function readLegacy(bytes: Uint8Array, file: string): PickledFile {
  const cursor = new ByteCursor(bytes, file);
  expectValue(unpickle(cursor), MAGIC, `${file}: magic number`);
  expectValue(unpickle(cursor), PROTOCOL, `${file}: protocol version`);
  const machine = unpickle(cursor);
  if (!(machine instanceof Map)) reject(`${file}: machine`, 'a dict', describe(machine));
  else expectValue(machine.get('little_endian'), true, `${file}: little_endian`);
  const table = new StorageTable(file, bytes.length);
  const root = unpickle(cursor, table.persistentLoad);
  readLegacyStorages(cursor, unpickle(cursor), table);
  return { root, tensor: table.tensor };
}

function readLegacyStorages(cursor: ByteCursor, keys: PickleValue, table: StorageTable): void {
  const file = cursor.where;
  if (!Array.isArray(keys)) return reject(`${file}: storage keys`, 'a list', describe(keys));
  const missing = new Map(table.storages);
  for (const key of keys) {
    const storage = typeof key === 'string' ? missing.get(key) : undefined;
    if (!storage) return reject(`${file}: storage keys`, 'each used key once', describe(key));
    const where = `${file}: byte ${cursor.offset}: storage ${printable(key as string)}`;
    const length = cursor.u64();
    if (length !== storage.length) reject(where, `length ${storage.length}`, length);
    table.fill(key as string, cursor.take(length * storage.type.bytes));
    missing.delete(key as string);
  }
  for (const key of missing.keys()) reject(`${file}: storage keys`, printable(key), 'no such key');
  if (cursor.left > 0) reject(`${file}: byte ${cursor.offset}`, 'the end', `${cursor.left} bytes`);
}

/**
 * Reads PyTorch's zip format.
 * @param file the path, for error messages
 * @throws InputError for anything that PyTorch would not have written
 */
export function readZip(bytes: Uint8Array, file: string): PickledFile {
  const archive = new ZipArchive(bytes, file);
  const folder = findFolder(archive);
  if (archive.has(`${folder}/byteorder`)) {
    const order = new ByteCursor(archive.read(`${folder}/byteorder`), `${file}: byteorder`);
    expectValue(order.text(order.left), 'little', `${file}: byteorder`);
  }
  const table = new StorageTable(file, bytes.length);
  const pickle = new ByteCursor(archive.read(`${folder}/data.pkl`), `${file}: data.pkl`);
  const root = unpickle(pickle, table.persistentLoad);
  if (pickle.left > 0) reject(`${pickle.where}: byte ${pickle.offset}`, 'the end', 'more bytes');
  for (const [key, { type, length }] of table.storages) {
    const raw = archive.read(`${folder}/data/${key}`);
    const size = length * type.bytes;
    if (raw.length !== size)
      reject(`${file}: storage ${printable(key)}`, `${size} bytes`, raw.length);
    table.fill(key, raw);
  }
  return { root, tensor: table.tensor };
}

function findFolder(archive: ZipArchive): string {
  const pickles = [...archive.names].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) reject(archive.file, 'one entry NAME/data.pkl', `${pickles.length}`);
  return pickles[0]!.slice(0, -'/data.pkl'.length);
}

function expectValue(found: PickleValue | undefined, expected: PickleValue, where: string): void {
  if (found !== expected) reject(where, describe(expected), describe(found));
}
