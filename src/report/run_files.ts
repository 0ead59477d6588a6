import { rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFailure, writeFileAtomic } from '../checkpoints/atomic_file.js';
import type { RunStart } from '../train/observer.js';
import type { ValidationDetails } from '../train/validation_details.js';
import { AppendFile } from './append_file.js';
import { epochsCsv } from './epochs_csv.js';
import { cutLog } from './log_file.js';
import { logLine, type LogRecord } from './log_record.js';
import { runPage } from './page/run_page.js';
import { RunHistory } from './run_history.js';
import { EventFile } from './tensorboard/event_file.js';
import { readSnapshot, takeSnapshot, type ValidationSnapshot } from './validation_snapshot.js';

/** What a run's folder holds for people and programs to read. */
export const fileNames = {
  configuration: 'config.json',
  log: 'log.jsonl',
  csv: 'epochs.csv',
  page: 'report.html',
  validation: 'validation.json',
} as const;

/** Called with one line when something cannot be written. */
export type Report = (message: string) => void;

/**
 * The files that tell of a run. Nothing here throws: what the disk refuses is reported once per
 * file.
 */
export class RunFiles {
  private snapshot: ValidationSnapshot | undefined;
  private readonly reported = new Set<string>();
  private background: Promise<void> = Promise.resolve();
  /** Whether the page is behind the records. */
  private outdated = true;

  private constructor(
    private readonly folder: string,
    private readonly run: RunStart,
    private readonly report: Report,
    private readonly history: RunHistory,
    private readonly log: AppendFile,
    private readonly events: EventFile,
  ) {}

  /** Opens the files of a run, and drops from them what its checkpoint does not know. */
  static async open(folder: string, run: RunStart, report: Report): Promise<RunFiles> {
    const logFile = path.join(folder, fileNames.log);
    const { resumedAt } = run;
    const { records, size } = await cutLog(logFile, resumedAt).catch((error: unknown) => {
      report(`${logFile}: begun anew (${oneLine(error)})`);
      return { records: [], size: 0 };
    });
    const log = new AppendFile(logFile, size, report);
    const events = new EventFile(folder, resumedAt.globalStep, report);
    const opened = new RunFiles(folder, run, report, new RunHistory(records), log, events);
    await opened.cutSnapshot();
    return opened;
  }

  /** Whether an epoch, from 0, is recorded. */
  hasEpoch(epoch: number): boolean {
    return this.history.epochs.some((record) => record.epoch === epoch);
  }

  /** Adds a record to the log and to TensorBoard's events. */
  add(record: LogRecord): void {
    this.history.add(record);
    this.log.append(logLine(record));
    this.events.add(record);
    this.outdated = true;
  }

  /** Writes what there is, in the background: the records, the epochs, the validation, the page. */
  publish(validation?: { epoch: number; details: ValidationDetails }): void {
    void this.flush();
    this.background = this.background.then(async () => {
      if (validation) await this.writeSnapshot(validation.epoch, validation.details);
      await this.write(fileNames.csv, () => epochsCsv(this.history.epochs));
      await this.writePage();
    });
  }

  /** Writes the records that are buffered; never rejects. */
  async flush(): Promise<void> {
    await Promise.all([this.log.flush(), this.events.flush()]);
  }

  /** Writes the page in the background, if something has happened since it was written. */
  refresh(): void {
    this.background = this.background.then(async () => {
      if (this.outdated) await this.writePage();
    });
  }

  /** Writes what is left. */
  async finish(): Promise<void> {
    this.publish();
    await this.background;
    await Promise.all([this.log.finish(), this.events.finish()]);
  }

  /** A picture of a validation that is done again would be of another network. */
  private async cutSnapshot(): Promise<void> {
    const file = path.join(this.folder, fileNames.validation);
    const snapshot = await readSnapshot(file).catch(() => undefined);
    if (snapshot && snapshot.epoch < this.run.resumedAt.epoch) this.snapshot = snapshot;
    else
      await rm(file, { force: true }).catch((error: unknown) =>
        this.complain(file, writeFailure(file, error)),
      );
  }

  private async writeSnapshot(epoch: number, details: ValidationDetails): Promise<void> {
    const snapshot = await takeSnapshot(epoch, this.run.classes, details);
    this.snapshot = snapshot;
    await this.write(fileNames.validation, () => JSON.stringify(snapshot));
  }

  private async writePage(): Promise<void> {
    this.outdated = false;
    const { history, snapshot } = this;
    const { configuration } = this.run;
    const name = path.basename(path.resolve(this.folder));
    await this.write(fileNames.page, () => runPage({ name, history, configuration, snapshot }));
  }

  private async write(name: string, content: () => string): Promise<void> {
    const file = path.join(this.folder, name);
    try {
      await writeFileAtomic(file, [Buffer.from(content())]);
    } catch (error) {
      this.complain(file, error);
    }
  }

  private complain(file: string, error: unknown): void {
    if (this.reported.has(file)) return;
    this.reported.add(file);
    this.report(`${oneLine(error)}; training goes on without it`);
  }
}

function oneLine(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
