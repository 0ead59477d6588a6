import { expect, test } from 'vitest';
import { ZipArchive } from '../../src/checkpoints/zip.js';
import { InputError } from '../../src/errors.js';
import { bytes, zipFile } from './pickle_writer.js';

const hello = { name: 'a', data: bytes('hello') };
const world = { name: 'b', data: bytes('world!') };

const readAll = (data: Uint8Array) => {
  const archive = new ZipArchive(data, 'x.zip');
  return [...archive.names].map((name) => Buffer.from(archive.read(name)).toString());
};

test.each([false, true])('reads stored entries (zip64: %s)', (zip64) => {
  expect(readAll(zipFile([hello, world], zip64))).toEqual(['hello', 'world!']);
  expect(readAll(zipFile([], zip64))).toEqual([]);
});

const patched = (data: Uint8Array, at: number, ...values: number[]) => {
  data.set(values, at < 0 ? data.length + at : at);
  return data;
};

test.each<[string, Uint8Array, string]>([
  ['a compressed entry', zipFile([{ ...hello, method: 8 }]), 'not compressed (method 0), got 8'],
  ['an encrypted entry', zipFile([{ ...hello, flags: 1 }]), 'not encrypted'],
  ['a wrong checksum', zipFile([{ ...hello, crc: 1 }]), 'entry a: expected CRC-32 0x1'],
  ['a changed byte', patched(zipFile([hello]), 31, 0), 'entry a: expected CRC-32'],
  ['a name twice', zipFile([hello, hello]), 'a twice'],
  ['entries that overlap', zipFile([hello, { ...world, offset: 0 }]), 'bytes of its own'],
  ['another name in the header', zipFile([{ ...hello, localName: 'c' }]), 'the same name'],
  ['an entry that starts nowhere', zipFile([{ ...hello, offset: 5 }]), 'a local file header'],
  ['an entry beyond the end', zipFile([{ ...hello, offset: 4e9 }]), 'bytes of its own'],
  ['a comment', bytes(zipFile([hello]), '!'), 'the end record'],
  [
    'more entries than fit',
    patched(zipFile([hello]), -14, 255, 255, 255, 255),
    'at most 1 entries',
  ],
  [
    'fewer entries than there are',
    patched(zipFile([hello, world]), -14, 1, 0, 1, 0),
    'and no more',
  ],
  [
    'a directory beyond the end',
    patched(zipFile([hello]), -6, 255, 255, 255),
    'a central directory',
  ],
  ['more disks', patched(zipFile([hello]), -18, 1), 'one disk'],
  [
    'a giant zip64 count',
    patched(zipFile([hello], true), -22 - 20 - 32, 0, 0, 0, 0, 1),
    'one disk',
  ],
  [
    'a zip64 record nowhere',
    patched(zipFile([hello], true), -22 - 12, 0, 0, 0, 0, 9),
    'zip64 end record',
  ],
  [
    'a zip64 size beyond doubles',
    patched(zipFile([hello], true), 36 + 46 + 5 + 7, 255),
    'below 2^53',
  ],
  ['nothing', bytes(), 'at least 22 bytes'],
])('refuses %s', (_, data, message) => {
  expect(() => readAll(data)).toThrow(InputError);
  expect(() => readAll(data)).toThrow(message);
});

test.each([false, true])('refuses every cut of an archive (zip64: %s)', (zip64) => {
  const whole = zipFile([hello, world], zip64);
  for (let end = 0; end < whole.length; end++) {
    expect(() => readAll(whole.slice(0, end))).toThrow(InputError);
  }
});

test('a name cannot break the line or the terminal', () => {
  const file = zipFile([{ name: 'a\n\x1b[31m', data: bytes(), crc: 1 }]);
  expect(() => readAll(file)).toThrow('x.zip: entry a\\u{a}\\u{1b}[31m: expected CRC-32');
});

test('names an entry that is not there', () => {
  expect(() => new ZipArchive(zipFile([hello]), 'x.zip').read('nope')).toThrow('an entry nope');
});
