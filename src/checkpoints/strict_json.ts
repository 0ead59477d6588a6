/**
 * JSON as safetensors headers hold it. JSON.parse would let the last of two equal keys win, nest
 * and grow without bound; this reader refuses that, and gives Maps, where `__proto__` is a key like
 * any other.
 */
import { reject } from '../errors.js';
import { printable } from './pickle_value.js';

export type JsonValue = null | boolean | number | string | JsonValue[] | Map<string, JsonValue>;

const MAX_DEPTH = 100;
// Two characters can make a Map of 200 bytes; ten thousand tensors take a tenth of this.
const MAX_VALUES = 2 ** 20;
const literals = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

class Parser {
  #at = 0;
  #values = 0;

  constructor(
    readonly text: string,
    readonly where: string,
  ) {}

  document(): JsonValue {
    const value = this.#value(0);
    if (this.#peek() !== '') this.#fail('the end');
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`);
    if (++this.#values > MAX_VALUES) this.#fail(`at most ${MAX_VALUES} values`);
    const start = this.#peek();
    if (start === '{') return this.#object(depth);
    if (start === '[') return this.#array(depth);
    return start === '"' ? this.#string() : this.#word();
  }

  #object(depth: number): Map<string, JsonValue> {
    const object = new Map<string, JsonValue>();
    this.#list('}', () => {
      if (this.#peek() !== '"') this.#fail('a key in quotes');
      const at = this.#at;
      const key = this.#string();
      if (object.has(key)) {
        reject(`${this.where}: character ${at}`, 'keys that differ', `${printable(key)} twice`);
      }
      if (this.#peek() !== ':') this.#fail('a colon');
      this.#at++;
      object.set(key, this.#value(depth + 1));
    });
    return object;
  }

  #array(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.#list(']', () => array.push(this.#value(depth + 1)));
    return array;
  }

  #list(close: string, item: () => void): void {
    this.#at++;
    if (this.#peek() === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      const separator = this.#peek();
      if (separator !== ',' && separator !== close) this.#fail(`, or ${close}`);
      this.#at++;
      if (separator === close) return;
    }
  }

  #string(): string {
    const start = this.#at++;
    while (this.#at < this.text.length && this.text[this.#at] !== '"') {
      this.#at += this.text[this.#at] === '\\' ? 2 : 1;
    }
    const literal = this.text.slice(start, ++this.#at);
    try {
      return JSON.parse(literal) as string;
    } catch {
      return reject(`${this.where}: character ${start}`, 'a JSON string', printable(literal));
    }
  }

  #word(): JsonValue {
    const word = /[^\s,:[\]{}"]*/y;
    word.lastIndex = this.#at;
    const text = word.exec(this.text)![0];
    const literal = literals.get(text);
    if (literal === undefined && !/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) {
      this.#fail('a JSON value');
    }
    this.#at += text.length;
    return literal === undefined ? Number(text) : literal;
  }

  /** The next character that is not white space, not consumed; '' at the end. */
  #peek(): string {
    while (this.#at < this.text.length && ' \t\n\r'.includes(this.text[this.#at]!)) this.#at++;
    return this.text[this.#at] ?? '';
  }

  #fail(expected: string): never {
    const found = this.text.slice(this.#at, this.#at + 20);
    return reject(`${this.where}: character ${this.#at}`, expected, found || 'the end');
  }
}

/**
 * Parses strict JSON; objects become Maps in the order of the text.
 * @throws InputError naming `where`, the character, what was expected and what was found
 */
export function parseStrictJson(text: string, where: string): JsonValue {
  return new Parser(text, where).document();
}
