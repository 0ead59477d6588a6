import { accessSync, constants } from 'node:fs';
import { InputError } from '../errors.js';
import { makeFolder } from '../make_folder.js';
import { createProgress, type Progress } from '../train/progress.js';
import type { Flag, Flags } from './flags.js';

/** Where output is no terminal. */
const usualFrequency = 10;

export const printFrequency = {
  help: `steps between lines (default: a bar on a terminal, else ${usualFrequency})`,
  value: 'N',
  least: 1,
} as const satisfies Flag;

/** Flags of commands that run for a while. */
export const progressFlags = {
  'print-freq': printFrequency,
  json: { help: 'print one JSON document, and progress on standard error' },
} as const satisfies Flags;

/** Where decoded images are kept. */
export const cacheFlag = {
  help: 'folder of decoded images, made at first; without it they are decoded each time',
  value: 'DIR',
} as const satisfies Flag;

/**
 * Progress on standard output, or on standard error where JSON goes to standard output: a bar on
 * a terminal, unless lines are asked for.
 */
export function progressFor(
  values: { json?: boolean; 'print-freq': number | undefined },
  frequency = usualFrequency,
): Progress {
  const stream = values.json ? process.stderr : process.stdout;
  return createProgress(stream, values['print-freq'] ?? (stream.isTTY ? undefined : frequency));
}

/** The one JSON document of a command. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** One line on standard error. */
export function printError(message: string): void {
  console.error(`menet: ${message.replace(/\s*\n\s*/g, ' ')}`);
}

/** Makes the folder that a flag names, with those above it; throws an InputError where it cannot be used. */
export function makeOutputFolder(folder: string, flag = '--out'): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const found = ['EEXIST', 'ENOTDIR'].includes(code) ? 'a file' : code;
    throw new InputError(
      `${flag}: expected a folder that can be written, got ${folder} (${found})`,
    );
  }
}
