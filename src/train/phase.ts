import { setImmediate } from 'node:timers/promises';
import { addBatch, averages, emptyTotals, type Correct, type Totals } from './metrics.js';
import type { Progress, StepReport } from './progress.js';

/** What a batch or a step found: the mean loss, and how many images were right. */
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
  /** Batches that make a step (default 1); the last step may have fewer. */
  batchesPerStep?: number;
  /** Ends a step, after its batches. */
  finishStep?: () => void;
  /** Added to at every step. */
  totals: Totals;
  progress: Progress;
  /** The next step waits for it. */
  onStep?: (report: StepReport) => Promise<void>;
  /** Ends the phase after the current step. */
  signal?: AbortSignal;
}

/**
 * Takes every batch through `take`, and reports loss, accuracy, throughput, time per step and
 * time waited for data. Ends early after the step during which the signal came.
 * @param take what is done with a batch, given its number in the phase, from 0
 */
export async function runPhase<B extends { size: number }>(
  batches: AsyncIterable<B>,
  take: (batch: B, number: number) => Promise<StepResult>,
  options: PhaseOptions,
): Promise<void> {
  const { title, steps, firstStep = 0, batchesPerStep = 1, progress, signal } = options;
  if (signal?.aborted) return;
  progress.start(title, steps);
  const meter = new StepMeter(firstStep, options);
  let number = firstStep * batchesPerStep;
  for await (const batch of batches) {
    meter.arrived();
    const { size } = batch; // the batch's memory is reused by the next one
    meter.add(await take(batch, number++), size);
    if (meter.batches === batchesPerStep) await meter.finish();
    if (meter.batches === 0 && signal?.aborted) break;
  }
  if (meter.batches > 0) await meter.finish();
  progress.finish();
}

/** Gathers the batches of a step, and reports it. */
class StepMeter {
  batches = 0;
  private readonly results = emptyTotals();
  private waited = 0;
  private began = performance.now();
  private asked = this.began;

  constructor(
    private done: number,
    private readonly options: PhaseOptions,
  ) {}

  /** The next batch is here. */
  arrived(): void {
    this.waited += performance.now() - this.asked;
  }

  add({ loss, correct }: StepResult, images: number): void {
    addBatch(this.results, loss, correct, images);
    this.batches++;
    this.asked = performance.now();
  }

  async finish(): Promise<void> {
    const { finishStep, totals, progress, onStep } = this.options;
    finishStep?.();
    const { images, top1, top5 } = this.results;
    const loss = this.results.loss / images;
    addBatch(totals, loss, { top1, top5 }, images);
    // Signals and worker messages are only delivered between macrotasks.
    await setImmediate();
    const now = performance.now();
    const report: StepReport = {
      done: ++this.done,
      averages: averages(totals),
      loss,
      correct: { top1, top5 },
      images,
      milliseconds: now - this.began,
      waited: this.waited,
    };
    this.batches = this.waited = 0;
    Object.assign(this.results, emptyTotals());
    progress.step(report);
    await onStep?.(report);
    this.began = this.asked = performance.now();
  }
}
