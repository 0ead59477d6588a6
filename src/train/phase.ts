import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader.js';
import { addBatch, averages, type Correct, type Totals } from './metrics.js';
import type { Progress, StepReport } from './progress.js';

/** What a step found: the batch's mean loss, and how many of its images were right. */
export interface StepResult {
  loss: number;
  correct: Correct;
}

export interface PhaseOptions {
  /** Says what runs, e.g. `train 3/90`. */
  title: string;
  /** Steps of the whole phase. */
  steps: number;
  /** Steps already done, by a run that this one resumes. */
  firstStep?: number;
  /** Added to at every step. */
  totals: Totals;
  progress: Progress;
  /** The next step waits for it. */
  onStep?: (report: StepReport) => Promise<void>;
  /** Ends the phase after the current step. */
  signal?: AbortSignal;
}

/**
 * Takes every batch through `step`, and reports loss, accuracy, throughput, time per step and
 * time waited for data. Returns how many steps of the phase are done: fewer than there are
 * when the signal ended it.
 */
export async function runPhase(
  batches: AsyncIterable<Batch>,
  step: (batch: Batch) => Promise<StepResult>,
  { title, steps, firstStep = 0, totals, progress, onStep, signal }: PhaseOptions,
): Promise<number> {
  let done = firstStep;
  if (signal?.aborted) return done;
  progress.start(title, steps);
  let asked = performance.now();
  for await (const batch of batches) {
    const arrived = performance.now();
    const { size } = batch; // the batch's memory is reused by the next one
    const { loss, correct } = await step(batch);
    addBatch(totals, loss, correct, size);
    done++;
    // Signals and worker messages are only delivered between macrotasks.
    await setImmediate();
    const now = performance.now();
    const report: StepReport = {
      done,
      averages: averages(totals),
      loss,
      correct,
      images: size,
      milliseconds: now - asked,
      waited: arrived - asked,
    };
    progress.step(report);
    await onStep?.(report);
    if (signal?.aborted) break;
    asked = performance.now();
  }
  progress.finish();
  return done;
}
