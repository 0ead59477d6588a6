/**
 * Bad input: a file, field, flag or argument that is not what it should be.
 * The message is one line naming what, where, expected and found; the command
 * line prints it and exits with code 2.
 */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/**
 * A run that cannot go on although its input was good. The message says all there is to know;
 * the command line prints it, without a stack trace, and exits with code 1.
 */
export class RunError extends Error {
  override readonly name: string = 'RunError';
}

/**
 * Throws an {@link InputError} of the form `where: expected E, got F`; where F was `meant` to be
 * something else, the line ends with a question.
 */
export function reject(where: string, expected: string, found: unknown, meant?: string): never {
  const hint = meant === undefined ? '' : `; did you mean ${show(meant)}?`;
  throw new InputError(`${where}: expected ${expected}, got ${show(found)}${hint}`);
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value); // JSON has no NaN
  const text =
    typeof value === 'string' ? JSON.stringify(value) : String(JSON.stringify(value) ?? value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
