/**
 * Reads the pickles inside PyTorch checkpoints: protocol 2, the opcodes listed below, the globals
 * of pickle_globals.ts. It builds plain values and runs nothing. Work and memory are proportional
 * to the bytes read: counts are checked against the bytes that are there, the stack and the memo
 * grow by at most one entry per opcode, nothing recurses, what an opcode copies out of a shared
 * object is paid for from a budget, and the number of opcodes is limited.
 *
 * Format: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
import { reject } from '../errors.js';
import type { ByteCursor } from './byte_cursor.js';
import { setItem } from './pickle_dict.js';
import { pickleGlobals } from './pickle_globals.js';
import type { Fail, PickleValue, StorageRef } from './pickle_value.js';
import { Constructor, describe, printable, Tuple } from './pickle_value.js';

// A byte can make an object of 200; a few thousand tensors take a tenth of this.
const MAX_OPCODES = 2 ** 20;

/** Turns a persistent id, which is how PyTorch refers to storages, into a reference. */
export type PersistentLoad = (id: PickleValue, fail: Fail) => StorageRef;

class Machine {
  readonly stack: PickleValue[] = [];
  readonly marks: number[] = [];
  readonly memo = new Map<number, PickleValue>();
  #opcode = 0;
  #at = 0;
  #budget: number;

  constructor(
    readonly input: ByteCursor,
    readonly persistentLoad: PersistentLoad | undefined,
  ) {
    this.#budget = input.left;
  }

  run(): PickleValue {
    for (let count = 0; ; count++) {
      this.#at = this.input.offset;
      this.#opcode = this.input.u8();
      if (this.#opcode === STOP) return this.#result();
      if (count === MAX_OPCODES) return this.fail(`at most ${MAX_OPCODES} opcodes`, 'more');
      const opcode = opcodes[this.#opcode];
      if (!opcode)
        return this.fail('an opcode of a PyTorch checkpoint', `0x${this.#opcode.toString(16)}`);
      opcode.run(this);
    }
  }

  fail: Fail = (expected, found) => {
    const name = opcodes[this.#opcode]?.name ?? 'opcode';
    // A string found is a phrase of ours already; anything else is a value of the file.
    const text = typeof found === 'string' ? printable(found) : describe(found);
    return reject(`${this.input.where}: byte ${this.#at}: pickle ${name}`, expected, text);
  };

  spend = (work: number): void => {
    this.#budget -= work;
    if (this.#budget < 0)
      this.fail('no more items than the file has bytes', 'shared items copied over and over');
  };

  pop(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0))
      return this.fail('a value on the stack', 'an empty stack');
    return this.stack.pop()!;
  }

  popToMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) return this.fail('a mark on the stack', 'none');
    return this.stack.splice(mark);
  }

  popTuple(size: number): void {
    const items: PickleValue[] = [];
    for (let i = 0; i < size; i++) items.push(this.pop());
    this.stack.push(new Tuple(items.reverse()));
  }

  /** The value under those an opcode has popped: the object it changes. */
  peek(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.fail('a memo entry that was put', `entry ${index}`);
    else this.stack.push(value);
  }

  put(index: number): void {
    this.memo.set(index, this.peek());
  }

  append(items: readonly PickleValue[]): void {
    const list = this.peek();
    if (!Array.isArray(list)) return this.fail('a list to append to', list);
    for (const item of items) list.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const dict = this.peek();
    if (!(dict instanceof Map)) return this.fail('a dict to set items of', dict);
    for (let i = 0; i < items.length; i += 2) setItem(dict, items[i], items[i + 1], this.fail);
  }

  #result(): PickleValue {
    const value = this.pop();
    if (this.stack.length + this.marks.length > 0)
      this.fail('one value at the end', 'more on the stack');
    return value;
  }
}

function proto(m: Machine): void {
  const version = m.input.u8();
  if (version !== 2) m.fail('protocol 2', version);
}

/** A two's-complement integer of up to 255 bytes; a number where a double holds it. */
function long1(m: Machine): void {
  const bytes = m.input.take(m.input.u8());
  const bits = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const value = BigInt.asIntN(bytes.length * 8, bits);
  const number = Number(value);
  m.stack.push(Number.isSafeInteger(number) ? number : value);
}

function global(m: Machine): void {
  const name = `${m.input.line()}.${m.input.line()}`;
  const value = pickleGlobals.get(name);
  if (value === undefined) m.fail('a global of a PyTorch checkpoint', name);
  else m.stack.push(value);
}

function reduce(m: Machine): void {
  const args = m.pop();
  const callable = m.pop();
  if (!(args instanceof Tuple)) return m.fail('a tuple of arguments', args);
  if (!(callable instanceof Constructor)) return m.fail('a constructor', callable);
  m.stack.push(callable.call(args.items, m.fail, m.spend));
}

/** Attributes of an OrderedDict: `_metadata` (module versions), of no use here. */
function build(m: Machine): void {
  const state = m.pop();
  if (!(state instanceof Map)) return m.fail('a dict of attributes', state);
  const target = m.peek();
  if (!(target instanceof Map)) m.fail('an OrderedDict', target);
}

function persistentId(m: Machine): void {
  const id = m.pop();
  if (!m.persistentLoad) return m.fail('no storage in this part of the file', id);
  m.stack.push(m.persistentLoad(id, m.fail));
}

function binString(m: Machine): void {
  const count = m.input.i32();
  if (count < 0) m.fail('a length from 0 up', count);
  else m.stack.push(m.input.text(count));
}

const STOP = 0x2e;

const opcodes: { name: string; run(m: Machine): void }[] = [];
opcodes[0x80] = { name: 'PROTO', run: proto };
opcodes[0x28] = { name: 'MARK', run: (m) => m.marks.push(m.stack.length) };
opcodes[0x4e] = { name: 'NONE', run: (m) => m.stack.push(null) };
opcodes[0x88] = { name: 'NEWTRUE', run: (m) => m.stack.push(true) };
opcodes[0x89] = { name: 'NEWFALSE', run: (m) => m.stack.push(false) };
opcodes[0x4a] = { name: 'BININT', run: (m) => m.stack.push(m.input.i32()) };
opcodes[0x4b] = { name: 'BININT1', run: (m) => m.stack.push(m.input.u8()) };
opcodes[0x4d] = { name: 'BININT2', run: (m) => m.stack.push(m.input.u16()) };
opcodes[0x8a] = { name: 'LONG1', run: long1 };
opcodes[0x47] = { name: 'BINFLOAT', run: (m) => m.stack.push(m.input.f64BigEndian()) };
opcodes[0x58] = { name: 'BINUNICODE', run: (m) => m.stack.push(m.input.text(m.input.u32())) };
opcodes[0x55] = { name: 'SHORT_BINSTRING', run: (m) => m.stack.push(m.input.text(m.input.u8())) };
opcodes[0x54] = { name: 'BINSTRING', run: binString };
opcodes[0x5d] = { name: 'EMPTY_LIST', run: (m) => m.stack.push([]) };
opcodes[0x61] = { name: 'APPEND', run: (m) => m.append([m.pop()]) };
opcodes[0x65] = { name: 'APPENDS', run: (m) => m.append(m.popToMark()) };
opcodes[0x29] = { name: 'EMPTY_TUPLE', run: (m) => m.popTuple(0) };
opcodes[0x85] = { name: 'TUPLE1', run: (m) => m.popTuple(1) };
opcodes[0x86] = { name: 'TUPLE2', run: (m) => m.popTuple(2) };
opcodes[0x87] = { name: 'TUPLE3', run: (m) => m.popTuple(3) };
opcodes[0x74] = { name: 'TUPLE', run: (m) => m.stack.push(new Tuple(m.popToMark())) };
opcodes[0x7d] = { name: 'EMPTY_DICT', run: (m) => m.stack.push(new Map()) };
opcodes[0x73] = { name: 'SETITEM', run: (m) => m.setItems([m.pop(), m.pop()].reverse()) };
opcodes[0x75] = { name: 'SETITEMS', run: (m) => m.setItems(m.popToMark()) };
opcodes[0x68] = { name: 'BINGET', run: (m) => m.get(m.input.u8()) };
opcodes[0x6a] = { name: 'LONG_BINGET', run: (m) => m.get(m.input.u32()) };
opcodes[0x71] = { name: 'BINPUT', run: (m) => m.put(m.input.u8()) };
opcodes[0x72] = { name: 'LONG_BINPUT', run: (m) => m.put(m.input.u32()) };
opcodes[0x63] = { name: 'GLOBAL', run: global };
opcodes[0x52] = { name: 'REDUCE', run: reduce };
opcodes[0x62] = { name: 'BUILD', run: build };
opcodes[0x51] = { name: 'BINPERSID', run: persistentId };
opcodes[STOP] = { name: 'STOP', run: () => undefined };

/**
 * Reads one pickle and leaves the cursor after it.
 * @throws InputError naming the file, the byte, the opcode, what it expected and what it found
 */
export function unpickle(input: ByteCursor, persistentLoad?: PersistentLoad): PickleValue {
  return new Machine(input, persistentLoad).run();
}
