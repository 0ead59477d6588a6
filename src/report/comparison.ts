import type { Outcome } from '../train/observer.js';
import { differences, type Difference } from './configuration.js';
import type { EpochLogRecord } from './log_record.js';
import type { RecordedRun } from './run.js';

/** What a run achieved; accuracies are percentages, epochs count from 1. */
export interface RunFigures {
  run: string;
  outcome: Outcome | 'running';
  /** Why it diverged or failed. */
  reason?: string;
  /** Finished ones, and those of the whole run. */
  epochs: number;
  total_epochs: number;
  /** That the run's processes worked. */
  seconds: number;
  best?: EpochFigures;
  last?: EpochFigures;
  /** Of training, in the last epoch. */
  images_per_second?: number;
}

export interface EpochFigures {
  epoch: number;
  train_loss: number;
  train_top1: number;
  valid_loss: number;
  valid_top1: number;
  valid_top5: number;
}

export interface Comparison {
  runs: RunFigures[];
  differences: Difference[];
}

/** The figures of runs side by side, and the fields in which their configurations differ. */
export function compareRuns(runs: readonly RecordedRun[]): Comparison {
  return {
    runs: runs.map(figuresOf),
    differences: differences(runs.map(({ configuration }) => configuration ?? {})),
  };
}

function figuresOf({ name, history }: RecordedRun): RunFigures {
  const { state, reason, epochs, totalEpochs, seconds, best } = history;
  const last = epochs.at(-1);
  return {
    run: name,
    outcome: state,
    ...(reason !== undefined && { reason }),
    epochs: epochs.length,
    total_epochs: totalEpochs,
    seconds,
    ...(best && { best: epochFigures(best) }),
    ...(last && { last: epochFigures(last), images_per_second: last.images_per_second }),
  };
}

function epochFigures({ epoch, train, valid }: EpochLogRecord): EpochFigures {
  return {
    epoch: epoch + 1,
    train_loss: train.loss,
    train_top1: train.top1,
    valid_loss: valid.loss,
    valid_top1: valid.top1,
    valid_top5: valid.top5,
  };
}
