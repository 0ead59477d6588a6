/**
 * Writes zip archives as PyTorch does: entries STORED, each one's data aligned to 64 bytes by an
 * extra field, so that readers can map it.
 *
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { crc32 } from './crc32.js';

/** Bytes that an entry's data is aligned to. */
export const ALIGNMENT = 64;
/** A zip archive without zip64 records has no more. */
export const MAX_ENTRIES = 0xffff;

const LOCAL_SIZE = 30;
const CENTRAL_SIZE = 46;
const END_SIZE = 22;
const FILL = { id: 0x4246, header: 4, byte: 0x5a };
const VERSION = 20;
const FIRST_DAY = 0x21; // 1 January 1980: the same content gives the same bytes

export interface StoredEntry {
  name: string;
  data: Uint8Array;
}

/** The pieces of an archive, in order; at most {@link MAX_ENTRIES} entries and 4 GiB. */
export function* zipStored(entries: Iterable<StoredEntry>): Generator<Uint8Array> {
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of entries) {
    const checksum = crc32(data);
    const local = localHeader(name, data.length, checksum, offset);
    central.push(centralHeader(name, data.length, checksum, offset));
    yield local;
    yield data;
    offset += local.length + data.length;
  }
  const directory = Buffer.concat(central);
  yield directory;
  yield endRecord(central.length, directory.length, offset);
}

function localHeader(name: string, size: number, checksum: number, offset: number): Buffer {
  const named = Buffer.from(name);
  const start = offset + LOCAL_SIZE + named.length + FILL.header;
  const fill = (ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT;
  const header = Buffer.alloc(LOCAL_SIZE);
  header.writeUInt32LE(0x04034b50, 0);
  writeCommon(header, 4, size, checksum, named.length);
  header.writeUInt16LE(FILL.header + fill, 28);
  const extra = Buffer.alloc(FILL.header + fill, FILL.byte);
  extra.writeUInt16LE(FILL.id, 0);
  extra.writeUInt16LE(fill, 2);
  return Buffer.concat([header, named, extra]);
}

function centralHeader(name: string, size: number, checksum: number, offset: number): Buffer {
  const named = Buffer.from(name);
  const header = Buffer.alloc(CENTRAL_SIZE);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(VERSION, 4);
  writeCommon(header, 6, size, checksum, named.length);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, named]);
}

/** What both headers of an entry have, from the version on. */
function writeCommon(
  header: Buffer,
  at: number,
  size: number,
  checksum: number,
  name: number,
): void {
  header.writeUInt16LE(VERSION, at);
  header.writeUInt16LE(FIRST_DAY, at + 8);
  header.writeUInt32LE(checksum, at + 10);
  header.writeUInt32LE(size, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(name, at + 22);
}

function endRecord(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(END_SIZE);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}
