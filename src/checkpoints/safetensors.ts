/**
 * safetensors (https://github.com/huggingface/safetensors): the header's length as uint64, a JSON
 * header {name: {dtype, shape, data_offsets}, __metadata__: {key: string}}, the elements.
 *
 * Metadata values that are not strings are kept as JSON; strings that would read as JSON are
 * quoted, so that every value comes back as it was. NaN and infinities, which JSON lacks, become
 * the strings `NaN`, `Infinity` and `-Infinity`.
 */
import { InputError, reject } from '../errors.js';
import { writeFileAtomic } from './atomic_file.js';
import { ByteCursor } from './byte_cursor.js';
import type { Checkpoint } from './checkpoint.js';
import type { DataType } from './data_type.js';
import { dataTypes, rawBytes } from './data_type.js';
import type { HostTensor } from './host_tensor.js';
import { elementCount } from './host_tensor.js';
import { describe, isCount, printable } from './pickle_value.js';
import { PlainConverter } from './plain_value.js';
import type { JsonValue } from './strict_json.js';
import { parseStrictJson } from './strict_json.js';

const METADATA = '__metadata__';
// The limit of the reference implementation.
const MAX_HEADER = 100_000_000;
// Characters, all values together.
const MAX_METADATA = 2 ** 22;

const readTypes: ReadonlyMap<string, string> = new Map([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);

const writeTypes = [
  { array: Float64Array, dtype: 'F64' },
  { array: Float32Array, dtype: 'F32' },
  { array: BigInt64Array, dtype: 'I64' },
  { array: Int32Array, dtype: 'I32' },
  { array: Uint8Array, dtype: 'U8' },
];

interface Extent {
  name: string;
  type: DataType;
  shape: number[];
  begin: number;
  end: number;
}

/** Whether the bytes start as a safetensors file does: eight bytes of length, then JSON. */
export const isSafetensors = (bytes: Uint8Array): boolean => bytes[8] === 0x7b;

/**
 * Reads a safetensors file; tensors and metadata come in the header's order.
 * @param file the path, for error messages
 * @throws InputError naming the tensor, what was expected and what was found
 */
export function readSafetensors(bytes: Uint8Array, file: string): Checkpoint {
  const cursor = new ByteCursor(bytes, file);
  const length = cursor.u64();
  if (length > MAX_HEADER) reject(`${file}: header`, `at most ${MAX_HEADER} bytes`, length);
  const header = parseStrictJson(cursor.text(length), `${file}: header`);
  if (!(header instanceof Map)) return reject(`${file}: header`, 'an object', describe(header));
  const data = bytes.subarray(cursor.offset);
  const metadata = readMetadata(header.get(METADATA), file, bytes.length);
  header.delete(METADATA);
  const extents = [...header].map(([name, entry]) => readExtent(name, entry, file));
  expectNoGaps(extents, data.length, file);
  const tensors = new Map<string, HostTensor>();
  for (const { name, type, shape, begin, end } of extents) {
    tensors.set(name, { shape, data: type.decode(data.subarray(begin, end)) });
  }
  return { tensors, metadata };
}

function readExtent(name: string, entry: JsonValue, file: string): Extent {
  const where = `${file}: ${printable(name)}`;
  if (!(entry instanceof Map)) return reject(where, 'an object', describe(entry));
  for (const key of entry.keys()) {
    if (!['dtype', 'shape', 'data_offsets'].includes(key)) {
      reject(where, 'dtype, shape and data_offsets', printable(key));
    }
  }
  const dtype = entry.get('dtype');
  const typeName = typeof dtype === 'string' ? readTypes.get(dtype) : undefined;
  if (!typeName) return reject(where, `dtype of ${[...readTypes.keys()]}`, describe(dtype));
  const type = dataTypes.get(typeName)!;
  const shape = readCounts(entry.get('shape'), `${where}: shape`);
  const offsets = readCounts(entry.get('data_offsets'), `${where}: data_offsets`);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || end! < begin!) {
    return reject(`${where}: data_offsets`, 'begin and end', printable(String(offsets)));
  }
  const size = elementCount(shape) * type.bytes;
  if (end! - begin! !== size) reject(where, `${size} bytes of ${dtype}`, `${end! - begin!} bytes`);
  return { name, type, shape, begin: begin!, end: end! };
}

function readCounts(value: JsonValue | undefined, where: string): number[] {
  if (!Array.isArray(value)) return reject(where, 'an array', describe(value));
  return value.map((n) => (isCount(n) ? n : reject(where, 'integers from 0 up', describe(n))));
}

/** The tensors must cover the data exactly: every byte belongs to one, and to one only. */
function expectNoGaps(extents: readonly Extent[], size: number, file: string): void {
  let at = 0;
  for (const { name, begin, end } of [...extents].sort(
    (a, b) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== at) reject(`${file}: ${printable(name)}`, `data from byte ${at}`, begin);
    at = end;
  }
  if (at !== size) reject(`${file}: data`, `${at} bytes, as the header says`, size);
}

function readMetadata(
  entry: JsonValue | undefined,
  file: string,
  fileSize: number,
): Record<string, unknown> {
  if (entry === undefined) return {};
  const where = `${file}: ${METADATA}`;
  if (!(entry instanceof Map)) return reject(where, 'an object', describe(entry));
  const values = new Map<string, JsonValue>();
  let left = MAX_METADATA;
  for (const [key, text] of entry) {
    if (typeof text !== 'string')
      return reject(`${where}: ${printable(key)}`, 'a string', describe(text));
    left -= text.length;
    if (left < 0) reject(where, `at most ${MAX_METADATA} characters`, 'more');
    values.set(key, decodeMetadata(text, where));
  }
  return new PlainConverter(file, fileSize).convert(values, METADATA) as Record<string, unknown>;
}

/** What is no JSON is a plain string, as in the `format: pt` of other writers. */
function decodeMetadata(text: string, where: string): JsonValue {
  try {
    return parseStrictJson(text, where);
  } catch (error) {
    if (error instanceof InputError) return text;
    throw error;
  }
}

function encodeMetadata(value: unknown): string | undefined {
  if (typeof value !== 'string') return JSON.stringify(value, encodeNumber);
  return decodeMetadata(value, METADATA) === value ? value : JSON.stringify(value);
}

function encodeNumber(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) {
    return String(value);
  }
  return value;
}

/**
 * Writes a safetensors file atomically: on failure an older file of that name stays as it was.
 * The tensors are listed in the order of the map; metadata values that are undefined are left out.
 * @throws InputError where a tensor's shape and number of elements differ
 */
export async function writeSafetensors(file: string, checkpoint: Checkpoint): Promise<void> {
  const { tensors, metadata } = checkpoint;
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA) reject(file, `a tensor name other than ${METADATA}`, name);
    if (elementCount(shape) !== data.length) {
      reject(`${file}: ${printable(name)}`, `${elementCount(shape)} elements`, data.length);
    }
  }
  // Wider types first keeps all of them aligned, as the format's authors recommend.
  const laidOut = [...tensors].sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  );
  const header = encodeHeader(tensors, laidOut, metadata);
  await writeFileAtomic(file, [header, ...laidOut.map(([, { data }]) => rawBytes(data))]);
}

function encodeHeader(
  tensors: ReadonlyMap<string, HostTensor>,
  laidOut: readonly [string, HostTensor][],
  metadata: Record<string, unknown>,
): Uint8Array {
  const offsets = new Map<string, [number, number]>();
  let end = 0;
  for (const [name, { data }] of laidOut) offsets.set(name, [end, (end += data.byteLength)]);
  const encoded = Object.entries(metadata).map(([key, value]) => [key, encodeMetadata(value)]);
  const kept = encoded.filter(([, value]) => value !== undefined);
  const entries: [string, unknown][] =
    kept.length > 0 ? [[METADATA, Object.fromEntries(kept)]] : [];
  for (const [name, { shape, data }] of tensors) {
    const dtype = writeTypes.find(({ array }) => data instanceof array)!.dtype;
    entries.push([name, { dtype, shape, data_offsets: offsets.get(name) }]);
  }
  // Not one JSON.stringify of an object: that would put names such as `0` first.
  const members = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  // Spaces fill up to eight bytes, so that the elements start aligned.
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}
