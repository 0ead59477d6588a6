import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { linkFileAtomic } from '../checkpoints/atomic_file.js';
import { writeSafetensors, type Checkpoint } from '../checkpoints/checkpoint.js';

export interface StoreOptions {
  /** How many epochs' checkpoints stay. */
  keep: number;
}

const EPOCH_FILE = /^epoch-(\d{4,})\.safetensors$/;

/**
 * The checkpoints of a run: `last.safetensors`, `best.safetensors` and `epoch-NNNN.safetensors` of
 * the last epochs, counted from 1. Every one of them is whole at any time. `last` is replaced
 * last: who resumes from it repeats all that a killed process did after it.
 */
export class CheckpointStore {
  readonly last: string;
  readonly best: string;

  /** @param folder of the run; it must exist */
  constructor(
    private readonly folder: string,
    private readonly options: StoreOptions,
  ) {
    this.last = path.join(folder, 'last.safetensors');
    this.best = path.join(folder, 'best.safetensors');
  }

  /** Writes the state inside an epoch. */
  async saveLast(checkpoint: Checkpoint): Promise<void> {
    await writeSafetensors(this.last, checkpoint);
  }

  /**
   * Writes the state after epoch `epoch`, counted from 0, under all the names it has.
   * @param best what is best so far, where this epoch is: it may have other weights
   */
  async saveEpoch(epoch: number, checkpoint: Checkpoint, best?: Checkpoint): Promise<void> {
    if (best && best !== checkpoint) await writeSafetensors(this.best, best);
    const names = [this.last];
    if (best === checkpoint) names.unshift(this.best);
    if (this.options.keep > 0) names.unshift(path.join(this.folder, epochName(epoch)));
    const [first, ...others] = names as [string, ...string[]];
    await writeSafetensors(first, checkpoint);
    for (const name of others) await linkFileAtomic(first, name);
    await this.prune(epoch);
  }

  /** Leaves the newest epochs up to this one; later ones are of a run that this one replaces. */
  private async prune(epoch: number): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const number = Number(EPOCH_FILE.exec(name)?.[1] ?? NaN);
      if (number > epoch + 1 || number <= epoch + 1 - this.options.keep)
        await rm(path.join(this.folder, name), { force: true });
    }
  }
}

function epochName(epoch: number): string {
  return `epoch-${String(epoch + 1).padStart(4, '0')}.safetensors`;
}
