/**
 * Writes pickles that PyTorch's `weights_only` unpickler and unpickle.ts read: protocol 2, without
 * a memo. Maps become dicts, arrays lists; tensors refer to their storages by persistent ids.
 *
 * Format: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
import type { PickleValue, StorageRef } from './pickle_value.js';
import { describe, TensorRef, Tuple } from './pickle_value.js';
import { storageTypeName } from './pickle_globals.js';

/** The bytes of a pickle. */
export function pickle(value: PickleValue): Uint8Array {
  const output = new PickleOutput();
  output.byte(0x80, 2);
  write(output, value);
  output.text('.');
  return output.bytes();
}

/** A buffer that grows. */
class PickleOutput {
  #buffer = Buffer.alloc(1 << 16);
  #length = 0;

  byte(...values: number[]): void {
    for (const value of values) this.#length = this.#room(1).writeUInt8(value, this.#length);
  }

  u16(value: number): void {
    this.#length = this.#room(2).writeUInt16LE(value, this.#length);
  }

  i32(value: number): void {
    this.#length = this.#room(4).writeInt32LE(value, this.#length);
  }

  /** Pickle keeps its doubles big-endian. */
  f64(value: number): void {
    this.#length = this.#room(8).writeDoubleBE(value, this.#length);
  }

  text(text: string): void {
    const size = Buffer.byteLength(text);
    this.#length += this.#room(size).write(text, this.#length);
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(size: number): Buffer {
    const needed = this.#length + size;
    if (needed > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

function write(output: PickleOutput, value: PickleValue): void {
  if (value === null) output.text('N');
  else if (typeof value === 'boolean') output.byte(value ? 0x88 : 0x89);
  else if (typeof value === 'number') writeNumber(output, value);
  else if (typeof value === 'bigint') writeLong(output, value);
  else if (typeof value === 'string') writeString(output, value);
  else if (Array.isArray(value)) writeAll(output, '](', value, 'e');
  else if (value instanceof Map) writeAll(output, '}(', [...value].flat(), 'u');
  else if (value instanceof Tuple) writeAll(output, '(', value.items, 't');
  else if (value instanceof TensorRef) writeTensor(output, value);
  else throw new TypeError(`cannot pickle ${describe(value)}`);
}

function writeAll(
  output: PickleOutput,
  open: string,
  items: readonly PickleValue[],
  close: string,
): void {
  output.text(open);
  for (const item of items) write(output, item);
  output.text(close);
}

/** Integers that a double holds exactly are Python's integers, all else its floats. */
function writeNumber(output: PickleOutput, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    output.text('G');
    output.f64(value);
  } else if (value >= 0 && value < 2 ** 8) {
    output.text('K');
    output.byte(value);
  } else if (value >= 0 && value < 2 ** 16) {
    output.text('M');
    output.u16(value);
  } else if (value === (value | 0)) {
    output.text('J');
    output.i32(value);
  } else writeLong(output, BigInt(value));
}

/** LONG1: two's complement of up to 255 bytes, little-endian. */
function writeLong(output: PickleOutput, value: bigint): void {
  let size = 1;
  while (BigInt.asIntN(8 * size, value) !== value) size++;
  if (size > 255) throw new TypeError('cannot pickle an integer of more than 255 bytes');
  output.byte(0x8a, size);
  for (let i = 0; i < size; i++) output.byte(Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
}

function writeString(output: PickleOutput, text: string): void {
  output.text('X');
  output.i32(Buffer.byteLength(text));
  output.text(text);
}

function writeTensor(output: PickleOutput, { storage, offset, shape, strides }: TensorRef): void {
  output.text('ctorch._utils\n_rebuild_tensor_v2\n(');
  writeStorage(output, storage);
  write(output, offset);
  write(output, new Tuple(shape));
  write(output, new Tuple(strides));
  // No gradient wanted, and no hooks for one.
  output.byte(0x89);
  output.text('ccollections\nOrderedDict\n)RtR');
}

/** The persistent id ('storage', type, key, location, length). */
function writeStorage(output: PickleOutput, { key, type, length }: StorageRef): void {
  output.text('(');
  writeString(output, 'storage');
  output.text(`ctorch\n${storageTypeName(type)}\n`);
  writeString(output, key);
  writeString(output, 'cpu');
  write(output, length);
  output.text('tQ');
}
