import { reject } from '../errors.js';

/**
 * Reads little-endian values from the front of a byte range. Every read is checked against the
 * bytes that are there before anything is allocated, so no count in a file can ask for more.
 */
export class ByteCursor {
  readonly #view: DataView;

  /** @param where what the bytes are, for error messages: usually the file's path */
  constructor(
    readonly bytes: Uint8Array,
    readonly where: string,
    public offset = 0,
    readonly end = bytes.length,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.end - this.offset;
  }

  /** The next `count` bytes, as a view. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.bytes.subarray(start, start + count);
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** An unsigned 64-bit count; one that a double cannot hold is larger than any file. */
  u64(): number {
    const at = this.offset;
    const value = this.#view.getBigUint64(this.#advance(8), true);
    if (value > Number.MAX_SAFE_INTEGER) {
      reject(`${this.where}: byte ${at}`, 'a 64-bit count below 2^53', value.toString());
    }
    return Number(value);
  }

  /** Pickle keeps its doubles big-endian. */
  f64BigEndian(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** The text up to the next newline, which is consumed and not returned. */
  line(): string {
    const newline = this.bytes.indexOf(0x0a, this.offset);
    if (newline < 0) {
      reject(`${this.where}: byte ${this.offset}`, 'a line ended by a newline', 'no newline');
    }
    const text = this.text(newline - this.offset);
    this.offset = newline + 1;
    return text;
  }

  /** The next `count` bytes as UTF-8. */
  text(count: number): string {
    const at = this.offset;
    const bytes = this.take(count);
    try {
      return utf8.decode(bytes);
    } catch {
      return reject(`${this.where}: byte ${at}`, 'UTF-8 text', `${count} other bytes`);
    }
  }

  #advance(count: number): number {
    const start = this.offset;
    if (count > this.end - start) {
      reject(
        `${this.where}: byte ${start}`,
        `${count} more bytes`,
        `${this.end - start} to the end`,
      );
    }
    this.offset = start + count;
    return start;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
