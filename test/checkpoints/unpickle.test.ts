import { expect, test } from 'vitest';
import { ByteCursor } from '../../src/checkpoints/byte_cursor.js';
import { Tuple } from '../../src/checkpoints/pickle_value.js';
import { StorageTable } from '../../src/checkpoints/storage_table.js';
import { unpickle } from '../../src/checkpoints/unpickle.js';
import { InputError } from '../../src/errors.js';
import type { Part } from './pickle_writer.js';
import {
  bytes,
  dict,
  int,
  list,
  MARK,
  ORDERED_DICT,
  pickle,
  REBUILD,
  storage,
  str,
  tensor,
  tuple,
  u32,
} from './pickle_writer.js';

const read = (...parts: Part[]) => {
  const data = pickle(...parts);
  const table = new StorageTable('x.pth', data.length);
  return unpickle(new ByteCursor(data, 'x.pth'), table.persistentLoad);
};

test('values of every opcode', () => {
  expect(read(tuple('N', 0x88, 0x89))).toEqual(new Tuple([null, true, false]));
  expect(read(list(int(-3), bytes('K', 200), bytes('M', 1, 2)))).toEqual([-3, 200, 513]);
  expect(read(bytes('G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0))).toBe(1.5);
  expect(read(str('Ångström'))).toBe('Ångström');
  expect(read(bytes('U', 3, 'abc'))).toBe('abc');
  expect(read('T', u32(3), 'abc')).toBe('abc');
  expect(read('N', bytes(0x85))).toEqual(new Tuple([null]));
  expect(read('NN', bytes(0x86))).toEqual(new Tuple([null, null]));
  expect(read(int(1), int(2), int(3), bytes(0x87))).toEqual(new Tuple([1, 2, 3]));
  expect(read(']', int(1), 'a')).toEqual([1]);
  expect(read('}', str('k'), int(1), 's')).toEqual(new Map([['k', 1]]));
  expect(read(dict([str('a'), int(1)], [int(2), ')']))).toEqual(
    new Map<unknown, unknown>([
      ['a', 1],
      [2, new Tuple([])],
    ]),
  );
});

test("LONG1 is two's complement, a number where a double holds it", () => {
  expect(read(bytes(0x8a, 0))).toBe(0);
  expect(read(bytes(0x8a, 1, 0xff))).toBe(-1);
  expect(read(bytes(0x8a, 2, 0xff, 0))).toBe(255);
  expect(read(bytes(0x8a, 6, 0, 0, 0, 0, 0, 0x40))).toBe(2 ** 46);
  expect(read(bytes(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1))).toBe(2n ** 64n);
});

test('the memo gives back the same object', () => {
  const value = read(list([']', 'q', 7], ['h', 7], ['h', 7, 'r', u32(70000)], ['j', u32(70000)]));
  expect(value).toEqual([[], [], [], []]);
  expect(new Set(value as unknown[]).size).toBe(1);
});

test('an OrderedDict, empty, of pairs, and with attributes', () => {
  expect(read(ORDERED_DICT, ')R')).toEqual(new Map());
  expect(read(ORDERED_DICT, list(list(str('a'), int(1))), bytes(0x85), 'R')).toEqual(
    new Map([['a', 1]]),
  );
  const attributes = dict([str('_metadata'), dict([str(''), int(1)])]);
  expect(read(ORDERED_DICT, ')R', attributes, 'b')).toEqual(new Map());
});

test('keys named like parts of a prototype are keys', () => {
  const value = read(dict([str('__proto__'), dict([str('polluted'), 0x88])]));
  expect([...(value as Map<string, unknown>).keys()]).toEqual(['__proto__']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

const one = storage('0', 6);
const refused: [string, Part, string | RegExp][] = [
  ['an unknown opcode', 'i', 'an opcode of a PyTorch checkpoint, got "0x69"'],
  ['an opcode of a later protocol', bytes(0x8c, 0), '0x8c'],
  ['a long integer of any length', bytes(0x8b, 0, 0, 0, 16), '0x8b'],
  ['another protocol', bytes(0x80, 4), 'PROTO: expected protocol 2'],
  [
    'os.system',
    'cos\nsystem\n',
    'GLOBAL: expected a global of a PyTorch checkpoint, got "os.system"',
  ],
  ['eval', 'c__builtin__\neval\n', '__builtin__.eval'],
  ['a global of Object.prototype', 'c\nconstructor\n', 'got ".constructor"'],
  ['a global without end', 'ctorch', 'a line ended by a newline'],
  ['calling what is no constructor', [str('f'), ')R'], 'REDUCE: expected a constructor'],
  ['calling with no tuple', [ORDERED_DICT, ']R'], 'REDUCE: expected a tuple of arguments'],
  ['attributes of a list', ['])', '}b'], 'BUILD: expected an OrderedDict'],
  ['attributes that are no dict', ['})', 'b'], 'BUILD: expected a dict of attributes'],
  ['stack underflow', 'a', 'APPEND: expected a value on the stack, got "an empty stack"'],
  ['popping beyond a mark', [']', MARK, 'Na'], 'APPEND: expected a value on the stack'],
  ['an empty pickle', '', 'STOP: expected a value on the stack'],
  ['a mark that is not there', 't', 'TUPLE: expected a mark on the stack'],
  ['a mark left over', [MARK, 'N'], 'STOP: expected one value at the end'],
  ['a value left over', 'NN', 'STOP: expected one value at the end'],
  ['memo underflow', ['h', 3], 'BINGET: expected a memo entry that was put, got "entry 3"'],
  ['memo underflow, long', ['j', u32(4e9)], 'LONG_BINGET: expected a memo entry'],
  ['putting nothing', ['q', 0], 'BINPUT: expected a value on the stack'],
  [
    'a giant string',
    ['X', u32(0xfffffff0), 'abc'],
    'expected 4294967280 more bytes, got "4 to the end"',
  ],
  ['a giant byte string', ['T', u32(0x7ffffff0), 'abc'], '2147483632 more bytes'],
  ['a negative length', ['T', u32(0xffffffff), 'abc'], 'BINSTRING: expected a length from 0 up'],
  ['a short string beyond the end', ['U', 200, 'abc'], '200 more bytes'],
  ['text that is not UTF-8', ['U', 2, '\xc3\x28'], 'UTF-8 text'],
  ['an integer cut off', 'J\x01', '4 more bytes'],
  ['appending to a tuple', [')', 'Na'], 'APPEND: expected a list to append to, got "tuple of 0"'],
  ['items of a list', ['])', 'Ns'], 'SETITEM: expected a dict to set items of'],
  ['a key without value', ['}', MARK, int(1), 'u'], 'SETITEMS: expected a value for every key'],
  ['a list as key', dict([']', 'N']), 'a string or number as key, got "list of 0"'],
  ['a dict that is its own key', ['}', 'q', 0, MARK, 'h', 0, 'Nu'], 'a string or number as key'],
  ['a key twice', dict([str('a'), 'N'], [str('a'), 'N']), 'keys that differ'],
  [
    'a key twice in pairs',
    [ORDERED_DICT, tuple(list(tuple(int(1), 'N'), tuple(int(1), 'N'))), 'R'],
    'keys that differ',
  ],
  ['pairs of three', [ORDERED_DICT, tuple(list(tuple('NNN'))), 'R'], 'REDUCE: expected a pair'],
  ['an OrderedDict of a number', [ORDERED_DICT, tuple(int(1)), 'R'], 'a list of pairs'],
  ['a persistent id that is no storage', [tuple(str('module')), 'Q'], 'a storage tuple'],
  [
    'a storage of no known type',
    [tuple(str('storage'), str('x'), str('0'), str('cpu'), int(1)), 'Q'],
    'a type of storage',
  ],
  ['a storage of negative length', storage('0', -1), 'a storage length'],
  ['one storage of two lengths', list(one, storage('0', 7)), 'storage 0 of 6 float32'],
  ['one storage of two types', list(one, storage('0', 6, 'IntStorage')), 'storage 0 of 6 float32'],
  ['a tensor of a string', [REBUILD, tuple(str('x'), int(0), tuple(), tuple()), 'R'], 'a storage'],
  ['a tensor of no arguments', [REBUILD, ')R'], 'expected a storage, got "nothing"'],
  ['a negative offset', tensor(one, -1, [1], [1]), 'a storage offset'],
  ['a negative size', tensor(one, 0, [-1], [1]), 'sizes from 0 up'],
  ['a negative stride', tensor(one, 5, [2], [-1]), 'strides from 0 up'],
  ['more sizes than strides', tensor(one, 0, [1, 1], [1]), '2 strides'],
  [
    'a tensor beyond its storage',
    tensor(one, 1, [6], [1]),
    'within the storage\'s 6, got "element 6"',
  ],
  ['a stride beyond it', tensor(one, 0, [2], [6]), "within the storage's 6"],
  [
    'a hundred dimensions',
    tensor(one, 0, new Array<number>(100).fill(1), new Array<number>(100).fill(1)),
    'at most 64 sizes',
  ],
  [
    'a parameter of a number',
    ['ctorch._utils\n_rebuild_parameter\n', tuple(int(1)), 'R'],
    'a tensor',
  ],
];

test.each(refused)('refuses %s', (_, part, message) => {
  expect(() => read(part)).toThrow(InputError);
  expect(() => read(part)).toThrow(/^x\.pth: byte \d+/);
  expect(() => read(part)).toThrow(message);
});

test('refuses every cut of a pickle', () => {
  const whole = pickle(dict([str('a'), tensor(one, 0, [2, 3], [3, 1])]));
  const table = new StorageTable('x.pth', whole.length);
  for (let end = 0; end < whole.length; end++) {
    const cut = new ByteCursor(whole.slice(0, end), 'x.pth');
    expect(() => unpickle(cut, table.persistentLoad)).toThrow(InputError);
  }
  expect(unpickle(new ByteCursor(whole, 'x.pth'), table.persistentLoad)).toBeInstanceOf(Map);
});

test('refuses storages where none belong', () => {
  expect(() => unpickle(new ByteCursor(pickle(one), 'x.pth'))).toThrow('no storage in this part');
});

test('half a million marks or nested lists neither recurse nor take long', () => {
  const marks = bytes(new Uint8Array(5e5).fill(0x28));
  expect(() => read(marks)).toThrow('a value on the stack');
  const nested = [new Uint8Array(5e5).fill(0x5d), new Uint8Array(5e5 - 1).fill(0x61)];
  expect(read(bytes(...nested))).toHaveLength(1);
});

test('refuses a file of nothing but empty dicts before the memory is full', () => {
  const before = process.memoryUsage().heapUsed;
  expect(() => read(new Uint8Array(2e7).fill(0x7d))).toThrow('at most 1048576 opcodes');
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5e8);
});

test('refuses to copy a shared list over and over', () => {
  const pairs = Array.from({ length: 3000 }, (_, i) => tuple(int(i), 'N'));
  const copies = Array.from({ length: 3000 }, (): Part => [ORDERED_DICT, 'h', 0, bytes(0x85), 'R']);
  const part = list([list(...pairs), 'q', 0], ...copies);
  expect(() => read(part)).toThrow('no more items than the file has bytes');
});
