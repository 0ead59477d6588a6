import { existsSync, realpathSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { removeTemporaryFiles, writeFailure, writeFileAtomic } from '../checkpoints/atomic_file.js';
import { readCheckpoint } from '../checkpoints/checkpoint.js';
import { InputError } from '../errors.js';
import { makeFolder } from '../make_folder.js';
import type { RunConfiguration } from './run_configuration.js';
import { RunLock } from './run_lock.js';
import { readTrainingState } from './training_state.js';

export interface RunFolderOptions {
  /** Checkpoint that the run goes on from. */
  resume?: string;
  /** Removes the checkpoints that are there, instead of refusing a second run. */
  replace?: boolean;
}

/** A run's folder, which this process has to itself until {@link close}. */
export class RunFolder {
  private constructor(
    readonly folder: string,
    private readonly lock: RunLock,
  ) {}

  /**
   * Makes the folder where it is missing, locks it, and removes what killed writers left.
   * @throws InputError where another trainer has it, where it holds a run that `resume` is no
   *   checkpoint of, and where it cannot be written
   */
  static async open(
    folder: string,
    { resume, replace = false }: RunFolderOptions = {},
  ): Promise<RunFolder> {
    try {
      makeFolder(folder);
    } catch (error) {
      throw writeFailure(folder, error);
    }
    const lock = new RunLock(folder);
    try {
      await removeTemporaryFiles(folder);
      lock.requireHeld();
      if (replace) await clear(folder);
      else if (resume === undefined || isElsewhere(resume, folder)) await requireUnused(folder);
      return new RunFolder(folder, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Writes config.json, which says what the run does. */
  async describe(configuration: RunConfiguration): Promise<void> {
    const text = `${JSON.stringify(configuration, null, 2)}\n`;
    await writeFileAtomic(path.join(this.folder, 'config.json'), [Buffer.from(text)]);
  }

  /** Lets others in. */
  close(): void {
    this.lock.release();
  }
}

/** Of a file that is missing its reader tells. */
function isElsewhere(file: string, folder: string): boolean {
  return existsSync(file) && path.dirname(realpathSync(file)) !== realpathSync(folder);
}

async function checkpointsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  // `last` before the others: it says how far the run is.
  return names.sort((a, b) => Number(b.startsWith('last.')) - Number(a.startsWith('last.')));
}

/** A run without a checkpoint yet may be begun again: nothing is lost. */
async function requireUnused(folder: string): Promise<void> {
  const [name] = await checkpointsIn(folder);
  if (name === undefined) return;
  const file = path.join(folder, name);
  const { last_epoch, step } = readTrainingState(file, (await readCheckpoint(file)).metadata);
  throw new InputError(
    `${folder}: expected a new run, found one of epoch ${last_epoch + (step > 0 ? 2 : 1)}; ` +
      '--resume goes on with it, another --label starts anew',
  );
}

async function clear(folder: string): Promise<void> {
  for (const name of await checkpointsIn(folder)) await rm(path.join(folder, name));
}
