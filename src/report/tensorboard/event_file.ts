import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { AppendFile } from '../append_file.js';
import type { EpochLogRecord, LogRecord, StepRecord } from '../log_record.js';
import { encodeEvent, type Event } from './event.js';
import { frameRecord } from './record.js';

const prefix = 'events.out.tfevents.';

/**
 * TensorBoard's file of one process; `x` is the number of steps since the run began.
 * A run that is resumed has several, which TensorBoard reads in the order of their names.
 */
export class EventFile {
  private readonly file: AppendFile;

  /**
   * @param folder the run's
   * @param resumedAt steps taken before; what earlier files hold of later ones is dropped
   */
  constructor(folder: string, resumedAt: number, report: (message: string) => void) {
    this.file = new AppendFile(path.join(folder, fileName(folder)), 0, report);
    this.write({ wallTime: now(), fileVersion: 'brain.Event:2' });
    this.write({ wallTime: now(), step: resumedAt + 1, sessionStart: true });
  }

  /** Adds the figures of a record, if it has any. */
  add(record: LogRecord): void {
    if (record.type === 'step') this.addScalars(record, stepScalars(record));
    if (record.type === 'epoch') this.addScalars(record, epochScalars(record));
  }

  flush(): Promise<void> {
    return this.file.flush();
  }

  finish(): Promise<void> {
    return this.file.finish();
  }

  private addScalars({ time, global_step }: LogRecord, scalars: Record<string, number>): void {
    this.write({ wallTime: Date.parse(time) / 1000, step: global_step, scalars });
  }

  private write(event: Event): void {
    this.file.append(frameRecord(encodeEvent(event)));
  }
}

function stepScalars(record: StepRecord): Record<string, number> {
  return {
    'loss/train': record.loss,
    'top1/train': record.top1,
    'top5/train': record.top5,
    learning_rate: record.learning_rate,
    'speed/images_per_second': record.images_per_second,
    'speed/step_ms': record.milliseconds,
    'speed/waited_ms': record.waited,
  };
}

function epochScalars({ valid }: EpochLogRecord): Record<string, number> {
  return { 'loss/valid': valid.loss, 'top1/valid': valid.top1, 'top5/valid': valid.top5 };
}

function now(): number {
  return Date.now() / 1000;
}

/** Sorts after the files that are there, even if they were begun in the same second. */
function fileName(folder: string): string {
  const begun = readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => parseInt(name.slice(prefix.length), 10) || 0);
  const second = Math.max(Math.floor(now()), ...begun.map((time) => time + 1));
  return `${prefix}${String(second).padStart(10, '0')}.${hostname()}.${process.pid}`;
}
