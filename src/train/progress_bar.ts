import type { Progress, ProgressStream, StepReport } from './progress.js';

/** Means over the steps since `reset`. */
class Pace {
  private steps = 0;
  private images = 0;
  private milliseconds = 0;
  private waited = 0;

  add({ images, milliseconds, waited }: StepReport): void {
    this.steps++;
    this.images += images;
    this.milliseconds += milliseconds;
    this.waited += waited;
  }

  reset(): void {
    this.steps = this.images = this.milliseconds = this.waited = 0;
  }

  get stepTime(): number {
    return this.milliseconds / this.steps;
  }

  get imageRate(): number {
    return (1000 * this.images) / this.milliseconds;
  }

  get waitTime(): number {
    return this.waited / this.steps;
  }
}

const redrawEvery = 100; // ms

/** One line that is drawn over and over, and stays when its phase is finished. */
export class ProgressBar implements Progress {
  private title = '';
  private steps = 0;
  private drawn = 0;
  private last: StepReport | undefined;
  private readonly pace = new Pace();

  constructor(private readonly stream: ProgressStream) {}

  start(title: string, steps: number): void {
    this.title = title;
    this.steps = steps;
    this.last = undefined;
    this.pace.reset();
  }

  step(report: StepReport): void {
    this.last = report;
    this.pace.add(report);
    const now = performance.now();
    if (now - this.drawn < redrawEvery) return;
    this.drawn = now;
    this.draw('');
  }

  finish(): void {
    if (this.last) this.draw('\n');
    this.last = undefined;
  }

  note(text: string): void {
    this.stream.write(`\r\x1b[K${text}\n`);
    if (this.last) this.draw('');
  }

  private draw(end: string): void {
    const { done } = this.last as StepReport;
    const room = (this.stream.columns || 100) - 1;
    const figures = this.figures();
    const width = Math.min(room - join(figures).length - 1, widestBar);
    if (width >= narrowestBar)
      figures.splice(1, 0, { text: bar(done / this.steps, width), rank: figures.length });
    this.stream.write(`\r\x1b[K${fit(figures, room)}${end}`);
  }

  private figures(): Figure[] {
    const { done, averages } = this.last as StepReport;
    const { loss, top1, top5 } = averages;
    const { imageRate, stepTime, waitTime } = this.pace;
    return [
      { text: this.title, rank: 3 },
      { text: `${done}/${this.steps}`, rank: 4 },
      { text: `loss ${loss.toFixed(3)}`, rank: 1 },
      { text: `top-1 ${top1.toFixed(1)}`, rank: 0 },
      { text: `top-5 ${top5.toFixed(1)}`, rank: 5 },
      { text: `${imageRate.toFixed(0)} img/s`, rank: 2 },
      { text: `${stepTime.toFixed(1)} ms`, rank: 6 },
      { text: `data ${waitTime.toFixed(1)}`, rank: 7 },
      { text: clock((stepTime * (this.steps - done)) / 1000), rank: 8 },
    ];
  }
}

/** A piece of the bar's line: where there is no room for all, those of highest rank go first. */
interface Figure {
  text: string;
  rank: number;
}

function join(figures: readonly Figure[]): string {
  return figures.map(({ text }) => text).join(' ');
}

/** As many of the figures, whole, as fit into `room` columns. */
function fit(figures: readonly Figure[], room: number): string {
  let shown = figures;
  while (join(shown).length > room) {
    const highest = Math.max(...shown.map(({ rank }) => rank));
    shown = shown.filter(({ rank }) => rank < highest);
  }
  return join(shown);
}

const widestBar = 24;
const narrowestBar = 4;

function bar(share: number, width: number): string {
  const full = Math.round(Math.min(share, 1) * width);
  return `${'━'.repeat(full)}${'─'.repeat(width - full)}`;
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
