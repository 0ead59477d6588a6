import { parseArgs } from 'node:util';
import { InputError, reject } from '../errors.js';
import { nearest } from '../nearest.js';

/** One flag of a command. `value` is the placeholder in its help; a flag without is on or off. */
export interface Flag {
  help: string;
  value?: string;
  /** The value may be left out; the flag is then the empty string. */
  optional?: boolean;
  required?: boolean;
  /** Shown in the help and used where the flag is not given. */
  default?: string | number;
  /** The value is an integer of at least this. */
  least?: number;
  /** ... and of at most this. */
  most?: number;
  /** The values there are. */
  choices?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag>>;

type Value<F extends Flag> = F extends { least: number }
  ? number
  : F extends { value: string }
    ? string
    : boolean;

type Given<F extends Flag> = F extends { required: true } | { default: string | number }
  ? Value<F>
  : F extends { value: string }
    ? Value<F> | undefined
    : boolean;

/** What the flags of a table parse to: those without default may be undefined. */
export type Values<T extends Flags> = { readonly [Name in keyof T]: Given<T[Name]> };

export interface Parsed<T extends Flags> {
  values: Values<T>;
  positionals: string[];
}

/**
 * Parses a command's arguments. Throws an InputError for unknown flags (naming the nearest one
 * there is), missing and superfluous values, and values out of range.
 */
export function parseFlags<T extends Flags>(args: readonly string[], flags: T): Parsed<T> {
  const { given, positionals } = collect(args, flags);
  const values: Record<string, string | number | boolean | undefined> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const text = given.get(name);
    if (text === undefined && flag.required)
      throw new InputError(`--${name}: expected ${flag.value}, got nothing`);
    values[name] = text === undefined ? absent(flag) : convert(name, flag, text);
  }
  return { values: values as Values<T>, positionals };
}

function absent(flag: Flag): string | number | boolean | undefined {
  return flag.value === undefined ? false : flag.default;
}

function collect(args: readonly string[], flags: Flags) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [name, { type: kindOf(flag) }]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string>();
  const positionals: string[] = [];
  let open: { name: string; index: number } | undefined; // an optional value may follow
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (open && token.index === open.index + 1) given.set(open.name, token.value);
      else positionals.push(token.value);
      open = undefined;
    } else if (token.kind === 'option') {
      const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
      if (!flag) unknownFlag(token.rawName, flags);
      given.set(token.name, textOf(token.name, flag, token.value));
      open = flag.optional && token.value === undefined ? token : undefined;
    }
  }
  return { given, positionals };
}

function kindOf(flag: Flag): 'string' | 'boolean' {
  return flag.value === undefined || flag.optional ? 'boolean' : 'string';
}

function textOf(name: string, flag: Flag, value: string | undefined): string {
  if (flag.value === undefined && value !== undefined) reject(`--${name}`, 'no value', value);
  if (value === undefined && flag.value !== undefined && !flag.optional)
    throw new InputError(`--${name}: expected ${flag.value}, got nothing`);
  return value ?? '';
}

function unknownFlag(name: string, flags: Flags): never {
  const meant = nearest(name.replace(/^-+/, ''), Object.keys(flags));
  throw new InputError(`unknown flag ${name}${meant ? `; did you mean --${meant}?` : ''}`);
}

function convert(name: string, flag: Flag, text: string): string | number | boolean {
  if (flag.value === undefined) return true;
  if (flag.choices && !flag.choices.includes(text)) rejectChoice(name, flag.choices, text);
  if (flag.least === undefined) {
    if (text === '' && !flag.optional) reject(`--${name}`, flag.value, text);
    return text;
  }
  return parseInteger(`--${name}`, text, flag.least, flag.most);
}

/** The integer that `text` is; throws an InputError that names `where` if it is none in range. */
export function parseInteger(where: string, text: string, least: number, most?: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
  if (!Number.isSafeInteger(value) || value < least || value > (most ?? value))
    reject(where, `an integer ${range}`, text);
  return value;
}

function rejectChoice(name: string, choices: readonly string[], text: string): never {
  const meant = nearest(text, choices);
  const hint = meant ? `; did you mean ${meant}?` : '';
  throw new InputError(`--${name}: expected one of ${choices.join(', ')}, got "${text}"${hint}`);
}

/** The lines that describe a table of flags. */
export function describeFlags(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, flag]) => [usage(name, flag), meaning(flag)]);
  const width = Math.max(...rows.map(([left]) => left!.length));
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`).join('\n');
}

function usage(name: string, flag: Flag): string {
  if (flag.value === undefined) return `--${name}`;
  return `--${name} ${flag.optional ? `[${flag.value}]` : flag.value}`;
}

function meaning(flag: Flag): string {
  if (flag.required) return `${flag.help} (required)`;
  return flag.default === undefined ? flag.help : `${flag.help} (default: ${flag.default})`;
}
