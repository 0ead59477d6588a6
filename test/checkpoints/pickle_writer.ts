/** Assembles pickles and checkpoint files byte by byte, honest and hostile ones. */
import { crc32 } from '../../src/checkpoints/crc32.js';

export type Part = string | number | Uint8Array | Part[];

/** Numbers are bytes, strings are Latin-1. */
export function bytes(...parts: Part[]): Uint8Array {
  const chunks = parts.map((part) => {
    if (typeof part === 'number') return Uint8Array.of(part);
    if (typeof part === 'string') return Buffer.from(part, 'latin1');
    return part instanceof Uint8Array ? part : bytes(...part);
  });
  return new Uint8Array(Buffer.concat(chunks));
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 255, value >> 8);
}

export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

export function u64(value: number | bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value), true);
  return out;
}

export const PROTO = bytes(0x80, 2);
export const MARK = '(';
export const STOP = '.';
export const ORDERED_DICT = 'ccollections\nOrderedDict\n';
export const REBUILD = 'ctorch._utils\n_rebuild_tensor_v2\n';

/** A BINUNICODE string. */
export const str = (text: string): Part => ['X', u32(Buffer.byteLength(text)), Buffer.from(text)];
export const int = (value: number): Part => ['J', u32(value >>> 0)];
export const tuple = (...items: Part[]): Part => [MARK, items, 't'];
export const list = (...items: Part[]): Part => [']', MARK, items, 'e'];
export const dict = (...entries: [Part, Part][]): Part => ['}', MARK, entries, 'u'];
export const pickle = (...parts: Part[]): Uint8Array => bytes(PROTO, ...parts, STOP);

/** A persistent id, as PyTorch refers to a storage. */
export function storage(key: string, length: number, type = 'FloatStorage'): Part {
  return [tuple(str('storage'), `ctorch\n${type}\n`, str(key), str('cuda:0'), int(length)), 'Q'];
}

export function tensor(of: Part, offset: number, shape: number[], strides: number[]): Part {
  const sizes = tuple(...shape.map(int));
  const steps = tuple(...strides.map(int));
  return [REBUILD, tuple(of, int(offset), sizes, steps, 0x89, [ORDERED_DICT, ')R']), 'R'];
}

export interface Stored {
  key: string;
  length: number;
  raw: Uint8Array;
}

const MAGIC = bytes(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);

/** A file in PyTorch's legacy format. */
export function legacyFile(root: Part, storages: Stored[], littleEndian = true): Uint8Array {
  return bytes(
    pickle(MAGIC),
    pickle('M', u16(1001)),
    pickle(dict([str('little_endian'), littleEndian ? 0x88 : 0x89])),
    pickle(root),
    pickle(list(...storages.map(({ key }) => str(key)))),
    ...storages.map(({ length, raw }) => bytes(u64(length), raw)),
  );
}

/** A file in PyTorch's zip format. */
export function zipCheckpoint(root: Part, storages: Stored[], byteOrder = 'little'): Uint8Array {
  return zipFile([
    { name: 'a/data.pkl', data: pickle(root) },
    { name: 'a/byteorder', data: bytes(byteOrder) },
    ...storages.map(({ key, raw }) => ({ name: `a/data/${key}`, data: raw })),
  ]);
}

export interface ZipEntry {
  name: string;
  data: Uint8Array;
  method?: number;
  flags?: number;
  crc?: number;
  /** where the central directory says that the local header is */
  offset?: number;
  localName?: string;
}

/** A zip archive of stored entries, with zip64 records where asked for. */
export function zipFile(entries: ZipEntry[], zip64 = false): Uint8Array {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const { name, data, method = 0, flags = 0, localName = name, ...claimed } of entries) {
    const crc = claimed.crc ?? crc32(data);
    const sizes = [u32(data.length), u32(data.length)];
    local.push(
      bytes('PK\x03\x04', u16(0), u16(flags), u16(method), u32(0), u32(crc), ...sizes),
      bytes(u16(localName.length), u16(0), localName, data),
    );
    const at = claimed.offset ?? offset;
    const extra = zip64
      ? bytes(u16(1), u16(24), u64(data.length), u64(data.length), u64(at))
      : bytes();
    const small = zip64 ? [u32(0xffffffff), u32(0xffffffff)] : sizes;
    central.push(
      bytes('PK\x01\x02', u16(0), u16(0), u16(flags), u16(method), u32(0), u32(crc), ...small),
      bytes(u16(name.length), u16(extra.length), u16(0), u16(0), u16(0), u32(0)),
      bytes(u32(zip64 ? 0xffffffff : at), name, extra),
    );
    offset += 30 + localName.length + data.length;
  }
  const directory = bytes(...central);
  const counts = [entries.length, entries.length];
  const end = zip64
    ? bytes(
        bytes('PK\x06\x06', u64(44), u16(0), u16(0), u32(0), u32(0), ...counts.map(u64)),
        bytes(u64(directory.length), u64(offset)),
        bytes('PK\x06\x07', u32(0), u64(offset + directory.length), u32(1)),
      )
    : bytes();
  return bytes(
    ...local,
    directory,
    end,
    bytes('PK\x05\x06', u16(0), u16(0), ...counts.map(u16), u32(directory.length), u32(offset)),
    u16(0),
  );
}

/** float32 elements as they lie in a file. */
export const floats = (...values: number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);
