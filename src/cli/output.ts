import { createProgress, type Progress } from '../train/progress.js';
import type { Flag, Flags } from './flags.js';

export const printFrequency = {
  help: 'steps between lines, where output is no terminal',
  value: 'N',
  least: 1,
  default: 10,
} as const satisfies Flag;

/** Flags of commands that run for a while. */
export const progressFlags = {
  'print-freq': printFrequency,
  json: { help: 'print one JSON document, and progress on standard error' },
} as const satisfies Flags;

/** Progress on standard output, or on standard error where JSON goes to standard output. */
export function progressFor(values: { json?: boolean; 'print-freq': number }): Progress {
  return createProgress(values.json ? process.stderr : process.stdout, values['print-freq']);
}

/** The one JSON document of a command. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
