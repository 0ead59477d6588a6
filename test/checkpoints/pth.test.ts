import { describe, expect, test } from 'vitest';
import { parseCheckpoint } from '../../src/checkpoints/checkpoint.js';
import type { Part, Stored } from './pickle_writer.js';
import {
  bytes,
  dict,
  floats,
  int,
  legacyFile,
  list,
  ORDERED_DICT,
  pickle,
  storage,
  str,
  tensor,
  tuple,
  u64,
  zipCheckpoint,
} from './pickle_writer.js';

const six: Stored = { key: '0', length: 6, raw: floats(0, 1, 2, 3, 4, 5) };
const read = (data: Uint8Array) => parseCheckpoint(data, 'x.pth');
const values = (data: Uint8Array, name = 'w') => {
  const found = read(data).tensors.get(name)!;
  return { shape: found.shape, data: [...found.data] };
};

describe.each([
  ['legacy', legacyFile],
  ['zip', zipCheckpoint],
])('%s format', (_, file) => {
  const weight = (part: Part, stored = six) => values(file(dict([str('w'), part]), [stored]));

  test.each<[string, number, number[], number[], number[]]>([
    ['whole storages', 0, [2, 3], [3, 1], [0, 1, 2, 3, 4, 5]],
    ['slices', 2, [2], [1], [2, 3]],
    ['transposed matrices', 0, [3, 2], [1, 3], [0, 3, 1, 4, 2, 5]],
    ['every second element', 1, [3], [2], [1, 3, 5]],
    ['expanded tensors', 4, [3, 2], [0, 1], [4, 5, 4, 5, 4, 5]],
    ['dimensions of one', 1, [1, 2, 1], [9, 3, 7], [1, 4]],
    ['scalars', 3, [], [], [3]],
    ['empty tensors', 0, [0, 3], [3, 1], []],
  ])('reads %s', (_name, offset, shape, strides, data) => {
    const view = tensor(storage('0', 6), offset, shape, strides);
    expect(weight(view)).toEqual({ shape, data });
  });

  test.each<[string, number[], (number | bigint)[]]>([
    ['DoubleStorage', [0, 0, 0, 0, 0, 0, 0xf8, 0x3f], [1.5]],
    ['HalfStorage', [0, 0x3e, 1, 0, 0, 0xfc, 0xff, 0x7b], [1.5, 2 ** -24, -Infinity, 65504]],
    ['BFloat16Storage', [0xc0, 0x3f, 0x80, 0xc0], [1.5, -4]],
    ['LongStorage', [0xfe, 255, 255, 255, 255, 255, 255, 255], [-2n]],
    ['IntStorage', [0xfe, 255, 255, 255], [-2]],
    ['ShortStorage', [0xfe, 255, 2, 1], [-2, 258]],
    ['CharStorage', [0xfe, 3], [-2, 3]],
    ['ByteStorage', [0xfe, 3], [254, 3]],
    ['BoolStorage', [0, 1, 7], [0, 1, 1]],
  ])('reads %s', (type, raw, data) => {
    const length = data.length;
    const view = tensor(storage('k', length, type), 0, [length], [1]);
    const stored = { key: 'k', length, raw: Uint8Array.from(raw) };
    expect(weight(view, stored)).toEqual({ shape: [length], data });
  });

  test('refuses a small file that says it holds many tensors', () => {
    const view = (i: number): [Part, Part] => [str(`w${i}`), ['h', 0]];
    const raw = new Uint8Array(40000);
    const whole = tensor(storage('0', 10000), 0, [10000], [1]);
    const root = dict(
      [str('w'), [whole, 'q', 0]],
      ...Array.from({ length: 10 }, (_u, i) => view(i)),
    );
    const data = file(root, [{ key: '0', length: 10000, raw }]);
    expect(() => read(data)).toThrow('4 times the file');
  });

  test.each([1e3, 1e9])('refuses an element repeated %d times', (count) => {
    const view = tensor(storage('0', 6), 0, [count, count], [0, 0]);
    expect(() => weight(view)).toThrow('4 times the file');
  });

  test('refuses a storage of another size, and one that is not there', () => {
    const part = tensor(storage('0', 7), 0, [1], [1]);
    expect(() => weight(part)).toThrow(/storage 0: expected (length 7|28 bytes), got/);
    expect(() => weight(tensor(storage('1', 6), 0, [1], [1]))).toThrow(/used key|entry a\/data\/1/);
    const huge = tensor(storage('0', 2 ** 31 - 1), 0, [1], [1]);
    expect(() => weight(huge, { ...six, length: 2 ** 31 - 1 })).toThrow(/more bytes|8589934588/);
  });
});

const w: Part = dict([str('w'), tensor(storage('0', 6), 0, [6], [1])]);

describe('legacy format', () => {
  test('reads what Python 2 wrote: pairs, byte strings, no backward hooks', () => {
    const rebuild = 'ctorch._utils\n_rebuild_tensor\n';
    const part = [rebuild, tuple(storage('0', 6), int(4), tuple(int(2)), tuple(int(1))), 'R'];
    const state = [ORDERED_DICT, tuple(list(list(bytes('U', 1, 'w'), part))), 'R'];
    const file = legacyFile(dict([bytes('U', 10, 'state_dict'), state]), [six]);
    expect(values(file)).toEqual({ shape: [2], data: [4, 5] });
  });

  test('reads views of storages, and refuses those beyond them', () => {
    const root = (size: number, offset = 2) => {
      const view = tuple(str('v'), int(offset), int(3));
      const type = 'ctorch\nFloatStorage\n';
      const id = tuple(str('storage'), type, str('0'), str('cpu'), int(6), view);
      return dict([str('w'), tensor([id, 'Q'], 1, [size], [1])]);
    };
    expect(values(legacyFile(root(2), [six])).data).toEqual([3, 4]);
    expect(() => read(legacyFile(root(3), [six]))).toThrow("within the storage's 3");
    expect(() => read(legacyFile(root(1, 4), [six]))).toThrow('a view within 6 elements');
  });

  test('reads a parameter as its tensor', () => {
    const whole = tensor(storage('0', 6), 0, [6], [1]);
    const part = ['ctorch._utils\n_rebuild_parameter\n', tuple(whole, 0x88, 'N'), 'R'];
    expect(values(legacyFile(dict([str('w'), part]), [six])).data).toHaveLength(6);
  });

  test.each<[string, Uint8Array, string]>([
    ['big-endian machines', legacyFile(w, [six], false), 'little_endian: expected boolean true'],
    ['another magic number', bytes(0x80, 2, 0x8a, 10, new Uint8Array(10), '.'), 'magic number'],
    ['bytes after the end', bytes(legacyFile(w, [six]), 0), 'expected the end, got "1 bytes"'],
    ['a key twice', legacyFile(w, [six, six]), 'each used key once, got'],
    ['a storage nobody uses', legacyFile('}', [six]), 'each used key once'],
    ['a storage that is not there', legacyFile(w, []), 'expected 0, got "no such key"'],
    ['a giant storage', bytes(legacyFile(w, [{ ...six, length: 0 }])), 'expected length 6, got 0'],
  ])('refuses %s', (_, data, message) => {
    expect(() => read(data)).toThrow(`x.pth: `);
    expect(() => read(data)).toThrow(message);
  });

  test('refuses a length that no double holds', () => {
    const file = legacyFile(w, [six]);
    file.set(u64(2n ** 63n), file.length - 32);
    expect(() => read(file)).toThrow('below 2^53');
  });
});

describe('zip format', () => {
  test('refuses big-endian files and bytes after the pickle', () => {
    expect(() => read(zipCheckpoint(w, [six], 'big'))).toThrow(
      'byteorder: expected string "little"',
    );
    expect(() => read(zipCheckpoint([w, '.', pickle('N')], [six]))).toThrow('expected the end');
  });
});

test('refuses files of no known kind', () => {
  expect(() => read(bytes())).toThrow(
    'a PyTorch (.pth.tar, .pth) or safetensors file, got "0 bytes"',
  );
  expect(() => read(bytes('ustar'))).toThrow('got "bytes 7573746172"');
});
