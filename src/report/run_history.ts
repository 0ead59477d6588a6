import type { Outcome } from '../train/observer.js';
import type {
  EndRecord,
  EpochLogRecord,
  LogRecord,
  StartRecord,
  StepRecord,
} from './log_record.js';

/** What the records of a run tell. */
export class RunHistory {
  readonly steps: StepRecord[] = [];
  readonly epochs: EpochLogRecord[] = [];
  private lastStart: StartRecord | undefined;
  private lastEnd: EndRecord | undefined;
  private lastTime: number | undefined;
  /** Where the process that runs now began, in epochs, and the seconds that it has worked. */
  private session = { position: 0, seconds: 0 };
  private secondsBefore = 0;

  constructor(records: readonly LogRecord[] = []) {
    for (const record of records) this.add(record);
  }

  add(record: LogRecord): void {
    const time = Date.parse(record.time);
    if (record.type === 'start') {
      this.secondsBefore += this.session.seconds;
      this.session = { position: record.epoch + record.step / record.steps_per_epoch, seconds: 0 };
      this.lastStart = record;
      this.lastEnd = undefined;
    } else this.session.seconds += (time - (this.lastTime ?? time)) / 1000;
    this.lastTime = time;
    if (record.type === 'step') this.steps.push(record);
    if (record.type === 'epoch') this.addEpoch(record);
    if (record.type === 'end') this.lastEnd = record;
  }

  /** In order, whatever order they were recorded in. */
  private addEpoch(record: EpochLogRecord): void {
    this.epochs.push(record);
    this.epochs.sort((a, b) => a.epoch - b.epoch);
  }

  /** How the run ended; `running` while no end is recorded. */
  get state(): Outcome | 'running' {
    return this.lastEnd?.outcome ?? 'running';
  }

  /** Why the run diverged or failed, in one line. */
  get reason(): string | undefined {
    return this.lastEnd?.reason;
  }

  /** Epochs of the whole run. */
  get totalEpochs(): number {
    return this.lastStart?.epochs ?? 0;
  }

  /** Epochs behind the run, with the part of the current one. */
  get position(): number {
    const [step, epoch] = [this.steps.at(-1), this.epochs.at(-1)];
    return Math.max(
      this.session.position,
      epoch ? epoch.epoch + 1 : 0,
      step ? this.positionOf(step) : 0,
    );
  }

  /** A step's place on the axis of epochs. */
  positionOf({ epoch, step }: StepRecord): number {
    return epoch + step / (this.lastStart?.steps_per_epoch ?? step);
  }

  /** Seconds that the run's processes worked. */
  get seconds(): number {
    return this.secondsBefore + this.session.seconds;
  }

  /** Seconds that are left at the pace of the current process; undefined before it is known. */
  get secondsLeft(): number | undefined {
    const done = this.position - this.session.position;
    if (this.state !== 'running' || done <= 0) return undefined;
    return (this.session.seconds / done) * (this.totalEpochs - this.position);
  }

  /** The epoch of the highest validation top-1; the first of equal ones. */
  get best(): EpochLogRecord | undefined {
    return this.epochs.reduce<EpochLogRecord | undefined>(
      (best, record) => (best && !(record.valid.top1 > best.valid.top1) ? best : record),
      undefined,
    );
  }
}
