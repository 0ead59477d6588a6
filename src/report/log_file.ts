import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../checkpoints/atomic_file.js';
import { checkConfig } from '../config_file.js';
import { InputError, reject } from '../errors.js';
import { recordSchema, type LogRecord } from './log_record.js';

/** Where a resumed run goes on: epoch from 0, steps that all epochs have taken by then. */
export interface ResumePoint {
  epoch: number;
  globalStep: number;
}

/**
 * Reads the log of a run. A last line that was cut off, by a crash or because it is just being
 * written, is left out.
 * @throws InputError naming file, line, expected and found for anything else that is no record.
 */
export async function readLog(file: string): Promise<LogRecord[]> {
  const lines = (await readText(file)).split('\n');
  lines.pop(); // what follows the last line's end: nothing, or a line that was cut off
  const records = lines.map((line, i) => parseLine(`${file}: line ${i + 1}`, line));
  if (records.length > 0 && records[0]!.type !== 'start')
    reject(`${file}: line 1: field type`, '"start"', records[0]!.type);
  return records;
}

/** What is left of a log, and how many bytes of the file that is. */
export interface KeptLog {
  records: LogRecord[];
  size: number;
}

/**
 * Cuts the log of a run that goes on from `point`: whatever happened after it did not reach the
 * checkpoint, and happens again. Lines that are no records are dropped as well.
 */
export async function cutLog(file: string, point: ResumePoint): Promise<KeptLog> {
  if (!existsSync(file)) return { records: [], size: 0 };
  const text = await readText(file);
  const kept = text.split('\n').flatMap((line) => {
    const record = tryParse(line);
    return record && isBefore(record, point) ? [{ line: `${line}\n`, record }] : [];
  });
  const left = Buffer.from(kept.map(({ line }) => line).join(''));
  // Where only the end goes, it is overwritten.
  if (!text.startsWith(left.toString())) await writeFileAtomic(file, [left]);
  return { records: kept.map(({ record }) => record), size: left.length };
}

function tryParse(line: string): LogRecord | undefined {
  try {
    return parseLine('', line);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

function isBefore(record: LogRecord, { epoch, globalStep }: ResumePoint): boolean {
  if (globalStep === 0 && epoch === 0) return false;
  if (record.type === 'epoch') return record.epoch < epoch;
  return record.global_step <= globalStep;
}

function parseLine(where: string, line: string): LogRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    reject(where, 'a record of a run as JSON', line);
  }
  return checkConfig(where, recordSchema, value);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new InputError(
      `${file}: expected the log of a run, cannot read it (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}
