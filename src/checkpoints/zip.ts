/**
 * Reads the zip archives that PyTorch writes: entries STORED, sizes in the central directory,
 * zip64 records where needed, no comment. Anything else is refused: compressed or encrypted
 * entries, entries that overlap, two entries of one name, wrong checksums. So nothing that is
 * read is larger than the file.
 *
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { reject } from '../errors.js';
import { ByteCursor } from './byte_cursor.js';
import { crc32 } from './crc32.js';
import { printable } from './pickle_value.js';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const END_SIZE = 22;
const LOCATOR64_SIZE = 20;
const CENTRAL_SIZE = 46;
const ZIP64_FIELD = 0x0001;
const ENCRYPTED = 1;

interface Entry {
  name: string;
  crc: number;
  size: number;
  /** of the local header */
  offset: number;
}

interface Directory {
  offset: number;
  size: number;
  count: number;
}

export class ZipArchive {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #directoryStart: number;

  /** @param file the path, for error messages */
  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
  ) {
    const directory = findDirectory(bytes, file);
    this.#directoryStart = directory.offset;
    this.#entries = readDirectory(bytes, file, directory);
  }

  get names(): IterableIterator<string> {
    return this.#entries.keys();
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** The bytes of an entry, as a view; its checksum has been verified. */
  read(name: string): Uint8Array {
    const entry = this.#entries.get(name);
    if (!entry) return reject(this.file, `an entry ${printable(name)}`, 'none of that name');
    const where = `${this.file}: entry ${printable(name)}`;
    const cursor = new ByteCursor(this.bytes, where, entry.offset, this.#directoryStart);
    expectSignature(cursor, LOCAL, 'a local file header');
    cursor.take(22);
    const nameLength = cursor.u16();
    const extraLength = cursor.u16();
    const localName = cursor.text(nameLength);
    if (localName !== name) reject(where, 'the same name in its own header', printable(localName));
    cursor.take(extraLength);
    const data = cursor.take(entry.size);
    const crc = crc32(data);
    if (crc !== entry.crc) reject(where, `CRC-32 ${hex(entry.crc)}`, hex(crc));
    return data;
  }
}

function findDirectory(bytes: Uint8Array, file: string): Directory {
  const endAt = bytes.length - END_SIZE;
  if (endAt < 0) reject(file, `a zip file of at least ${END_SIZE} bytes`, bytes.length);
  const end = new ByteCursor(bytes, file, endAt);
  expectSignature(end, END, 'the end record of a zip file without comment');
  expectZero(end.u16() | end.u16(), file, 'one disk');
  const onDisk = end.u16();
  const count = end.u16();
  const size = end.u32();
  const offset = end.u32();
  expectZero(end.u16(), file, 'no zip comment');
  const locator = new ByteCursor(bytes, file, Math.max(0, endAt - LOCATOR64_SIZE), endAt);
  if (locator.left === LOCATOR64_SIZE && locator.u32() === LOCATOR64) {
    return findDirectory64(bytes, file, locator);
  }
  if (onDisk !== count) reject(file, 'one disk', `${onDisk} of ${count} entries`);
  return checkDirectory({ offset, size, count }, endAt, file);
}

function findDirectory64(bytes: Uint8Array, file: string, locator: ByteCursor): Directory {
  const endAt = locator.offset - 4;
  expectZero(locator.u32(), file, 'one disk');
  const at = locator.u64();
  if (at > endAt) reject(file, `a zip64 end record before byte ${endAt}`, at);
  const end = new ByteCursor(bytes, file, at, endAt);
  expectSignature(end, END64, 'a zip64 end record');
  end.take(12);
  expectZero(end.u32() | end.u32(), file, 'one disk');
  const onDisk = end.u64();
  const count = end.u64();
  if (onDisk !== count) reject(file, 'one disk', `${onDisk} of ${count} entries`);
  const size = end.u64();
  return checkDirectory({ count, size, offset: end.u64() }, at, file);
}

function checkDirectory(directory: Directory, end: number, file: string): Directory {
  const { offset, size, count } = directory;
  if (offset + size > end) {
    reject(file, `a central directory before byte ${end}`, `bytes ${offset} to ${offset + size}`);
  }
  if (count * CENTRAL_SIZE > size) {
    reject(file, `at most ${Math.floor(size / CENTRAL_SIZE)} entries`, count);
  }
  return directory;
}

function readDirectory(bytes: Uint8Array, file: string, directory: Directory): Map<string, Entry> {
  const { offset, size, count } = directory;
  const cursor = new ByteCursor(bytes, `${file}: central directory`, offset, offset + size);
  const entries = new Map<string, Entry>();
  for (let i = 0; i < count; i++) {
    const entry = readEntry(cursor);
    if (entries.has(entry.name))
      reject(file, 'names that differ', `${printable(entry.name)} twice`);
    entries.set(entry.name, entry);
  }
  expectZero(cursor.left, cursor.where, `${count} entries and no more`);
  expectDisjoint([...entries.values()], offset, file);
  return entries;
}

function readEntry(cursor: ByteCursor): Entry {
  const where = `${cursor.where}, byte ${cursor.offset}`;
  expectSignature(cursor, CENTRAL, 'a file header');
  cursor.take(4);
  expectZero(cursor.u16() & ENCRYPTED, where, 'an entry that is not encrypted');
  expectZero(cursor.u16(), where, 'an entry that is not compressed (method 0)');
  cursor.take(4);
  const crc = cursor.u32();
  const sizes = { packed: cursor.u32(), size: cursor.u32(), offset: 0 };
  const [nameLength, extraLength, commentLength] = [cursor.u16(), cursor.u16(), cursor.u16()];
  expectZero(cursor.u16(), where, 'one disk');
  cursor.take(6);
  sizes.offset = cursor.u32();
  const name = cursor.text(nameLength);
  const extraStart = cursor.offset;
  cursor.take(extraLength);
  readZip64(new ByteCursor(cursor.bytes, where, extraStart, cursor.offset), sizes);
  cursor.take(commentLength);
  if (sizes.packed !== sizes.size) reject(where, `${sizes.size} stored bytes`, sizes.packed);
  return { name, crc, size: sizes.size, offset: sizes.offset };
}

/** Sizes of 0xffffffff stand in the zip64 extra field instead, in this order. */
function readZip64(
  extra: ByteCursor,
  sizes: { packed: number; size: number; offset: number },
): void {
  const saturated = (['size', 'packed', 'offset'] as const).filter((k) => sizes[k] === 0xffffffff);
  if (saturated.length === 0) return;
  while (extra.left > 0) {
    const kind = extra.u16();
    const end = extra.u16() + extra.offset;
    if (kind === ZIP64_FIELD) {
      for (const key of saturated) sizes[key] = extra.u64();
      return;
    }
    extra.take(end - extra.offset);
  }
  reject(extra.where, 'a zip64 field', 'none');
}

/** Overlapping entries are how a small archive holds a huge content. */
function expectDisjoint(entries: Entry[], end: number, file: string): void {
  entries.sort((a, b) => b.offset - a.offset);
  let limit = end;
  for (const { name, offset, size } of entries) {
    if (offset + size > limit) {
      reject(
        `${file}: entry ${printable(name)}`,
        `bytes of its own before ${limit}`,
        offset + size,
      );
    }
    limit = offset;
  }
}

function expectSignature(cursor: ByteCursor, signature: number, what: string): void {
  const at = cursor.offset;
  const found = cursor.u32();
  if (found !== signature) reject(`${cursor.where}: byte ${at}`, what, hex(found));
}

function expectZero(value: number, where: string, expected: string): void {
  if (value !== 0) reject(where, expected, value);
}

const hex = (value: number): string => `0x${value.toString(16)}`;
