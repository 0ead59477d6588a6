import type { Correct } from './metrics.js';
import type { RunConfiguration } from './run_configuration.js';
import type { EpochRecord } from './training_state.js';
import type { ValidationDetails } from './validation_details.js';

/** One update of the weights. */
export interface StepEvent {
  /** From 0. */
  epoch: number;
  /** In the epoch, from 1. */
  step: number;
  /** Since the run began, from 1. */
  globalStep: number;
  learningRate: number;
  /** Mean over the step's images. */
  loss: number;
  /** How many images were right. */
  correct: Correct;
  images: number;
  /** Duration of the step, waiting included. */
  milliseconds: number;
  /** How long it waited for data. */
  waited: number;
  /**
   * In fp16: what the next step multiplies its loss by, and whether this one was left out, since
   * gradients overflowed.
   */
  lossScaling?: { scale: number; skipped: boolean };
}

/** One finished epoch, before its checkpoints are written. */
export interface EpochEvent {
  record: EpochRecord;
  validation: ValidationDetails | undefined;
  isBest: boolean;
}

/** Steps that a run has behind it when it starts. */
export interface Position {
  /** The epoch that it goes on with, from 0. */
  epoch: number;
  /** Steps done of it. */
  step: number;
  /** Steps done in all. */
  globalStep: number;
}

export interface RunStart {
  configuration: RunConfiguration;
  classes: readonly string[];
  stepsPerEpoch: number;
  /** Zeros for a new run. */
  resumedAt: Position;
  /** The epochs before. */
  history: readonly EpochRecord[];
}

/** `failed`: an error ended the run, other than a loss that is no number. */
export type Outcome = 'finished' | 'interrupted' | 'diverged' | 'failed' | 'stopped early';

/**
 * Told what a run does, in this order: one `start`; `step`s and, after each validation, an
 * `epoch`; one `end`, also where the run fails. The run waits for all but `step`.
 */
export interface TrainingObserver {
  start(run: RunStart): Promise<void>;
  step(event: StepEvent): void;
  epoch(event: EpochEvent): Promise<void>;
  /** Before a checkpoint is published: keeps what was told for a process that is killed after it. */
  flush?(): Promise<void>;
  /** @param reason one line; given where the run diverged or failed */
  end(outcome: Outcome, reason?: string): Promise<void>;
}

/** Tells several observers, one after the other. */
export function combineObservers(
  observers: readonly TrainingObserver[],
): Required<TrainingObserver> {
  const each = async (tell: (observer: TrainingObserver) => Promise<void>) => {
    for (const observer of observers) await tell(observer);
  };
  return {
    start: (run) => each((observer) => observer.start(run)),
    step: (event) => observers.forEach((observer) => observer.step(event)),
    epoch: (event) => each((observer) => observer.epoch(event)),
    flush: () => each(async (observer) => observer.flush?.()),
    end: (outcome, reason) => each((observer) => observer.end(outcome, reason)),
  };
}
