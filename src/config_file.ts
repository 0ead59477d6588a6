import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { InputError, reject } from './errors.js';
import { nearest } from './nearest.js';

/**
 * Reads a JSON configuration file and checks it against a schema.
 * Throws an InputError that names the file, the field, what was expected and what was found.
 */
export function readConfigFile<S extends z.ZodType>(file: string, schema: S): z.output<S> {
  return checkConfig(file, schema, readJson(file));
}

/** Checks a configuration that is already in memory; `where` names its source in errors. */
export function checkConfig<S extends z.ZodType>(
  where: string,
  schema: S,
  value: unknown,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  // A misspelt field is missing too: of the two the misspelling helps.
  const issue = (issues.find(({ code }) => code === 'unrecognized_keys') ??
    issues[0]) as z.core.$ZodIssue;
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const field = issue.keys[0]!;
    const fields = path.length === 0 ? fieldsOf(schema, value) : [];
    const meant = nearest(
      field,
      fields.filter((name) => at(value, [name]) === undefined),
    );
    const place = `${where}: field ${[...path, field].join('.')}`;
    reject(place, 'no such field', at(value, [...path, field]), meant);
  }
  const place = path.length === 0 ? where : `${where}: field ${path.join('.')}`;
  const found = at(value, path);
  const choices = choicesOf(issue);
  if (!choices) reject(place, expectation(issue), found);
  rejectChoice(place, choices, found);
}

/** The fields that a value may have; of several kinds of object those of the kind that it names. */
function fieldsOf(schema: z.ZodType, value: unknown): string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return [];
  const key = schema.def.discriminator;
  const options = schema.options.filter((option) => option instanceof z.ZodObject);
  const named = options.find(({ shape }) => {
    return (shape[key] as z.ZodType).safeParse(at(value, [key])).success;
  });
  return Object.keys(named?.shape ?? {});
}

function rejectChoice(place: string, choices: readonly unknown[], found: unknown): never {
  const names = choices.filter((choice) => typeof choice === 'string');
  const meant = typeof found === 'string' ? nearest(found, names) : undefined;
  const expected = choices.map((choice) => JSON.stringify(choice)).join(', ');
  reject(place, `one of ${expected}`, found, meant);
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InputError(`${file}: expected a JSON file, cannot read it (${errorCode(error)})`);
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')); // Windows editors write a byte order mark
  } catch (error) {
    throw new InputError(`${file}: expected JSON, ${describeSyntaxError(text, error as Error)}`);
  }
}

/** The engine's words on one line, without control characters, and where in the file it is. */
function describeSyntaxError(text: string, { message }: Error): string {
  const words = message.replace(/\s+/g, ' ').replace(/[^\P{C}]|\uFFFD/gu, '?');
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return words;
  const lines = text.slice(0, Number(position)).split('\n');
  return words.replace(
    /(at position \d+).*/,
    `$1 (line ${lines.length}, column ${lines.at(-1)!.length + 1})`,
  );
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function at(value: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

/** The values that a field may have, where a schema lists them. */
function choicesOf(issue: z.core.$ZodIssue): readonly unknown[] | undefined {
  if (issue.code === 'invalid_value') return issue.values;
  // zod's types do not know that a discriminated union names its options.
  if (issue.code === 'invalid_union') return (issue as { options?: unknown[] }).options;
  return undefined;
}

/** What a schema wanted, in words: zod's own messages repeat the type found, not the value. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'an integer' : `type ${issue.expected}`;
    case 'too_small':
      return bound(issue.origin, issue.inclusive ? 'at least' : 'more than', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive ? 'at most' : 'less than', issue.maximum);
    default:
      return issue.message;
  }
}

function bound(origin: string, comparison: string, limit: number | bigint): string {
  const noun = origin === 'array' ? ' entries' : origin === 'string' ? ' characters' : '';
  return `${comparison} ${limit}${noun}`;
}
