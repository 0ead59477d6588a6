import type {
  EpochEvent,
  Outcome,
  RunStart,
  StepEvent,
  TrainingObserver,
} from '../train/observer.js';
import type { EpochRecord } from '../train/training_state.js';
import { RunFiles, type Report } from './run_files.js';
import { StepWindow } from './step_window.js';

/** Records of steps per epoch, at most: nobody looks at thousands of points. */
const recordsPerEpoch = 200;

export interface RecorderOptions {
  /** The run's folder; it must exist. */
  folder: string;
  /** Called with one line when something cannot be written, once per file. */
  report: Report;
  /** Seconds between two versions of the page within an epoch (default 10). */
  pageEvery?: number;
}

/**
 * Writes what happens in a run to its folder (docs/reports.md): `log.jsonl`, `epochs.csv`,
 * `validation.json`, TensorBoard's events and `report.html`. The run waits for the disk
 * at its checkpoints alone, and does not end because it is full. A resumed run drops the records after its checkpoint.
 */
export class RunRecorder implements TrainingObserver {
  private files: RunFiles | undefined;
  private timer: NodeJS.Timeout | undefined;
  private globalStep = 0;
  /** Steps between two records. */
  private every = 1;
  private sinceRecord = new StepWindow();
  private sinceEpoch = new StepWindow();

  constructor(private readonly options: RecorderOptions) {}

  async start(run: RunStart): Promise<void> {
    const { folder, report, pageEvery = 10 } = this.options;
    const { epoch, step, globalStep } = run.resumedAt;
    this.globalStep = globalStep;
    this.every = Math.ceil(run.stepsPerEpoch / recordsPerEpoch);
    const files = await RunFiles.open(folder, run, report);
    this.files = files;
    const { epochs } = run.configuration.optimizer;
    const shape = { epochs, steps_per_epoch: run.stepsPerEpoch };
    files.add({ type: 'start', time: now(), global_step: globalStep, epoch, step, ...shape });
    this.adopt(run);
    files.publish();
    this.timer = setInterval(() => files.refresh(), 1000 * pageEvery).unref();
  }

  step(event: StepEvent): void {
    this.globalStep = event.globalStep;
    this.sinceRecord.add(event);
    this.sinceEpoch.add(event);
    if (event.step % this.every === 0) this.recordSteps();
  }

  epoch({ record, validation, isBest }: EpochEvent): Promise<void> {
    this.recordSteps();
    this.recordEpoch(record, isBest, this.globalStep);
    this.sinceEpoch = new StepWindow();
    this.files?.publish(validation && { epoch: record.epoch, details: validation });
    return Promise.resolve();
  }

  /** Records the steps of a checkpoint before there is one: a resumed run will not repeat them. */
  async flush(): Promise<void> {
    this.recordSteps();
    await this.files?.flush();
  }

  async end(outcome: Outcome, reason?: string): Promise<void> {
    clearInterval(this.timer);
    this.recordSteps();
    this.files?.add({ type: 'end', time: now(), global_step: this.globalStep, outcome, reason });
    await this.files?.finish();
  }

  private recordSteps(): void {
    const record = this.sinceRecord.record();
    if (record) this.files?.add(record);
    this.sinceRecord = new StepWindow();
  }

  private recordEpoch(record: EpochRecord, best: boolean, globalStep: number): void {
    const { imageRate, waitedShare } = this.sinceEpoch;
    this.files?.add({
      type: 'epoch',
      time: now(),
      global_step: globalStep,
      ...record,
      images_per_second: imageRate,
      waited: waitedShare,
      best,
    });
  }

  /** Epochs that the checkpoint knows and this log does not: they were recorded elsewhere. */
  private adopt({ history, stepsPerEpoch }: RunStart): void {
    let highest = -Infinity;
    for (const record of history) {
      const best = record.valid.top1 > highest;
      if (best) highest = record.valid.top1;
      if (this.files?.hasEpoch(record.epoch)) continue;
      this.recordEpoch(record, best, (record.epoch + 1) * stepsPerEpoch);
    }
  }
}

function now(): string {
  return new Date().toISOString();
}
