import type { Averages, Correct } from './metrics.js';
import { ProgressBar } from './progress_bar.js';
import { ProgressLines } from './progress_lines.js';

export interface StepReport {
  /** Steps of the phase that are done. */
  done: number;
  averages: Averages;
  /** Mean over this step's images. */
  loss: number;
  correct: Correct;
  /** Images of this step. */
  images: number;
  /** Duration of this step, waiting included. */
  milliseconds: number;
  /** How long it waited for data. */
  waited: number;
}

/** Shows how a run is getting on. */
export interface Progress {
  start(title: string, steps: number): void;
  step(report: StepReport): void;
  /** Ends the phase that `start` began. */
  finish(): void;
  /** A line of its own. */
  note(text: string): void;
}

/** The part of a stream that progress needs. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** A line every `printFrequency` steps; without a frequency a bar, for terminals. */
export function createProgress(stream: ProgressStream, printFrequency?: number): Progress {
  if (printFrequency === undefined) return new ProgressBar(stream);
  return new ProgressLines(stream, printFrequency);
}

export const silentProgress: Progress = {
  start: () => undefined,
  step: () => undefined,
  finish: () => undefined,
  note: () => undefined,
};
