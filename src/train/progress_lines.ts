import type { Averages } from './metrics.js';
import type { Progress, ProgressStream, StepReport } from './progress.js';

/** Plain lines, for files and pipes: every few steps one, and a summary of the phase. */
export class ProgressLines implements Progress {
  private title = '';
  private steps = 0;
  private last: StepReport | undefined;
  /** Of the phase so far, as this process saw it. */
  private readonly sums = { steps: 0, milliseconds: 0, waited: 0 };
  /** Since the last line. */
  private readonly recent = { images: 0, milliseconds: 0 };

  constructor(
    private readonly stream: ProgressStream,
    private readonly frequency: number,
  ) {}

  start(title: string, steps: number): void {
    this.title = title;
    this.steps = steps;
    this.last = undefined;
    Object.assign(this.sums, { steps: 0, milliseconds: 0, waited: 0 });
    Object.assign(this.recent, { images: 0, milliseconds: 0 });
  }

  step(report: StepReport): void {
    this.last = report;
    const { images, milliseconds, waited, done } = report;
    this.sums.steps++;
    this.sums.milliseconds += milliseconds;
    this.sums.waited += waited;
    this.recent.images += images;
    this.recent.milliseconds += milliseconds;
    if (done % this.frequency === 0) this.print(report);
  }

  finish(): void {
    if (!this.last) return;
    const { done, averages } = this.last;
    const { loss, top1, top5 } = averages;
    this.note(
      `${this.title}  ${this.place(done)}  summary  loss ${fixed(loss, 4)}  ` +
        `top-1 ${top1.toFixed(2)}  top-5 ${top5.toFixed(2)}`,
    );
  }

  note(text: string): void {
    this.stream.write(`${text}\n`);
  }

  private print(report: StepReport): void {
    const { milliseconds, waited, done, averages } = report;
    const { images, milliseconds: spent } = this.recent;
    const mean = (sum: number) => sum / this.sums.steps;
    this.note(
      [
        this.title,
        this.place(done),
        ...resultMeters(report, averages),
        `${((1000 * images) / spent).toFixed(0)} images/s`,
        meter('step', milliseconds, mean(this.sums.milliseconds), 1, ' ms'),
        meter('data', waited, mean(this.sums.waited), 1, ' ms'),
      ].join('  '),
    );
    Object.assign(this.recent, { images: 0, milliseconds: 0 });
  }

  private place(done: number): string {
    return `${String(done).padStart(String(this.steps).length)}/${this.steps}`;
  }
}

/** The step's own value, and the phase's mean in parentheses. */
function meter(name: string, value: number, mean: number, digits: number, unit = ''): string {
  return `${name} ${fixed(value, digits)} (${fixed(mean, digits)})${unit}`;
}

/** A diverging loss has no use for decimals. */
function fixed(value: number, digits: number): string {
  return value < 1e6 ? value.toFixed(digits) : value.toExponential(2);
}

function resultMeters({ loss, correct, images }: StepReport, averages: Averages): string[] {
  return [
    meter('loss', loss, averages.loss, 4),
    meter('top-1', (100 * correct.top1) / images, averages.top1, 2),
    meter('top-5', (100 * correct.top5) / images, averages.top5, 2),
  ];
}
