import { reject } from '../errors.js';
import type { PickleDict, PickleValue } from './pickle_value.js';
import { describe, printable, TensorRef, Tuple } from './pickle_value.js';

const MAX_DEPTH = 100;
// Values and characters, whatever the size of the file.
const MAX_RESULT = 2 ** 22;

/**
 * Converts what a file holds besides tensors to plain objects, arrays, strings and numbers.
 * Objects that the file shares are copied, so that the result is a tree; a file that would grow
 * that way, refers to itself or nests too deep is refused.
 */
export class PlainConverter {
  #budget: number;

  /**
   * @param where the file, for error messages
   * @param fileSize bytes; the result may hold a few times as many values and characters
   * @param tensor what stands for a tensor in the result
   */
  constructor(
    readonly where: string,
    fileSize: number,
    readonly tensor: (ref: TensorRef, name: string) => unknown = describe,
  ) {
    this.#budget = Math.min(MAX_RESULT, 16 * fileSize);
  }

  /** @param name of the value, for error messages */
  convert(value: PickleValue, name: string, depth = 0): unknown {
    if (depth > MAX_DEPTH) this.#fail(name, `at most ${MAX_DEPTH} levels of nesting`, 'more');
    this.#spend(1, name);
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
    // Integers that a double cannot hold keep their digits: JSON has no others.
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'string') {
      this.#spend(value.length, name);
      return value;
    }
    const items = value instanceof Tuple ? value.items : value;
    if (Array.isArray(items)) return items.map((item) => this.convert(item, name, depth + 1));
    if (value instanceof Map) return this.#object(value, name, depth);
    return value instanceof TensorRef ? this.tensor(value, name) : describe(value);
  }

  #object(dict: Map<unknown, PickleValue>, name: string, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const [key, value] of dict) {
      const text = String(key);
      this.#spend(text.length, name);
      // Assigning to this one would not add a property but replace the prototype.
      if (text === '__proto__') this.#fail(name, 'keys other than __proto__', text);
      if (Object.hasOwn(object, text))
        this.#fail(name, 'keys that differ', `${printable(text)} twice`);
      object[text] = this.convert(value, name, depth + 1);
    }
    return object;
  }

  #spend(work: number, name: string): void {
    this.#budget -= work;
    if (this.#budget < 0)
      this.#fail(name, 'values in proportion to the file', 'shared ones that multiply');
  }

  #fail(name: string, expected: string, found: string): never {
    return reject(`${this.where}: ${printable(name)}`, expected, found);
  }
}

/**
 * Plain values as a pickle has them; what is undefined is left out of objects.
 * @param where the file, for error messages
 * @throws InputError where they nest too deep to be read again
 */
export function plainToPickle(value: unknown, where: string, depth = 0): PickleValue {
  if (depth > MAX_DEPTH) reject(where, `at most ${MAX_DEPTH} levels of nesting`, 'more');
  if (Array.isArray(value)) return value.map((item) => plainToPickle(item, where, depth + 1));
  if (typeof value !== 'object' || value === null) return (value ?? null) as PickleValue;
  const dict: PickleDict = new Map();
  for (const [key, item] of Object.entries(value))
    if (item !== undefined) dict.set(key, plainToPickle(item, where, depth + 1));
  return dict;
}
