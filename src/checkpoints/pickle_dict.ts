import type { Fail, PickleDict, PickleValue } from './pickle_value.js';
import { describe } from './pickle_value.js';

/** Adds an entry. Python would let the last of two equal keys win; no honest pickle has two. */
export function setItem(
  dict: PickleDict,
  key: PickleValue | undefined,
  value: PickleValue | undefined,
  fail: Fail,
): void {
  if (key === null || key === undefined || typeof key === 'object') {
    return fail('a string or number as key', key);
  }
  if (dict.has(key)) return fail('keys that differ', `${describe(key)} twice`);
  if (value === undefined) return fail('a value for every key', value);
  dict.set(key, value);
}
