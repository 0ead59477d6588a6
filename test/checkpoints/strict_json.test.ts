import { expect, test } from 'vitest';
import { parseStrictJson } from '../../src/checkpoints/strict_json.js';
import { InputError } from '../../src/errors.js';

test.each([
  'null',
  ' true ',
  '-1.5e3',
  '0',
  '"a\\"\\u00e9\\\\"',
  '[]',
  '[1, [2, "}"], false]\n',
  '"\\ud800"',
])('agrees with JSON.parse on %s', (text) => {
  expect(parseStrictJson(text, 'x')).toEqual(JSON.parse(text));
});

test('objects become maps in the order of the text', () => {
  const value = parseStrictJson('{"b": 1, "1": {}, "__proto__": 2}', 'x');
  expect([...(value as Map<string, unknown>)]).toEqual([
    ['b', 1],
    ['1', new Map()],
    ['__proto__', 2],
  ]);
});

test.each([
  ['character 0: expected a JSON value, got "the end"', ''],
  ['character 9: expected keys that differ, got "a twice"', '{"a": 1, "a": 2}'],
  ['a colon', '{"a" 1}'],
  ['a key in quotes', '{a: 1}'],
  [', or ]', '[1 2]'],
  ['a JSON value', '[1,]'],
  [', or ]', '[1'],
  ['a JSON string', '"abc'],
  ['a JSON string', '"a\nb"'],
  ['a JSON string', '"\\x"'],
  ['a JSON string', '"\\'],
  ['a JSON value', '01'],
  ['a JSON value', '1.'],
  ['a JSON value', 'NaN'],
  ['the end', '1 1'],
  ['at most 100 levels of nesting', '['.repeat(1e6)],
  ['at most 1048576 values', `[${'{},'.repeat(2 ** 20)}{}]`],
  ['at most 100 levels of nesting', '{"a":'.repeat(1e5)],
])('refuses with "%s"', (message, text) => {
  expect(() => parseStrictJson(text, 'x')).toThrow(InputError);
  expect(() => parseStrictJson(text, 'x')).toThrow(message);
});
