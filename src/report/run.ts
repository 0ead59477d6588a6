import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { InputError, reject } from '../errors.js';
import { readLog } from './log_file.js';
import { fileNames } from './run_files.js';
import { RunHistory } from './run_history.js';
import { readSnapshot, type ValidationSnapshot } from './validation_snapshot.js';

/** A run as its folder tells it. */
export interface RecordedRun {
  /** Of its folder. */
  name: string;
  history: RunHistory;
  /** Undefined where there is no config.json. */
  configuration?: unknown;
  snapshot?: ValidationSnapshot;
}

/**
 * Reads the folder of a run, which may be going on.
 * @throws InputError where it is none, or a file in it is something else.
 */
export async function readRun(folder: string): Promise<RecordedRun> {
  const log = path.join(folder, fileNames.log);
  if (!existsSync(log)) {
    const found = existsSync(folder) ? `no ${fileNames.log} there` : 'nothing there';
    throw new InputError(`${folder}: expected the folder of a run, got ${found}`);
  }
  const records = await readLog(log);
  if (records.length === 0) reject(log, 'records of a run', 'none');
  return {
    name: path.basename(path.resolve(folder)),
    history: new RunHistory(records),
    configuration: readConfiguration(path.join(folder, fileNames.configuration)),
    snapshot: await readSnapshot(path.join(folder, fileNames.validation)),
  };
}

function readConfiguration(file: string): unknown {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text);
  } catch {
    reject(file, 'JSON', text);
  }
}
