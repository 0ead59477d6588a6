import { compareRuns, type EpochFigures, type RunFigures } from '../comparison.js';
import type { Difference } from '../configuration.js';
import type { EpochLogRecord } from '../log_record.js';
import type { RecordedRun } from '../run.js';
import { duration, fixed, localTime, percent } from './format.js';
import { html, type Html } from './html.js';
import { lineChart, type Point } from './line_chart.js';
import { page } from './page.js';
import { epochPoints } from './run_charts.js';

const palette = 8;

/** The page that compares runs: their curves together, their figures and configurations. */
export function comparisonPage(runs: readonly RecordedRun[]): string {
  const { runs: figures, differences } = compareRuns(runs);
  const body = html`<main>
      <section id="top">
        <h1>${runs.length} runs</h1>
        <div class="card scroll">${figuresTable(figures)}</div>
      </section>
      <section id="curves">
        <h2>Curves</h2>
        <div class="charts">${charts(runs)}</div>
      </section>
      <section id="differences">
        <h2>Differences between the configurations</h2>
        <div class="card scroll">${differenceTable(figures, differences)}</div>
      </section>
    </main>
    <footer class="soft"><p>written ${localTime(new Date())}</p></footer>`;
  return page(`${runs.map(({ name }) => name).join(', ')} – menet`, body);
}

function colorOf(index: number): number {
  return (index % palette) + 1;
}

function charts(runs: readonly RecordedRun[]): Html[] {
  const chart = (
    id: string,
    title: string,
    unit: string,
    points: (run: RecordedRun) => Point[],
    logarithmic = false,
  ) =>
    lineChart({
      ...{ id, title, unit, logarithmic },
      series: runs.map((run, i) => ({ name: run.name, color: colorOf(i), points: points(run) })),
    });
  const byEpoch = (value: (record: EpochLogRecord) => number) => (run: RecordedRun) =>
    epochPoints(run.history, value);
  return [
    chart(
      'valid-top1',
      'Validation top-1',
      ' %',
      byEpoch(({ valid }) => valid.top1),
    ),
    chart(
      'valid-loss',
      'Validation loss',
      '',
      byEpoch(({ valid }) => valid.loss),
    ),
    chart(
      'train-top1',
      'Training top-1',
      ' %',
      byEpoch(({ train }) => train.top1),
    ),
    chart(
      'train-loss',
      'Training loss',
      '',
      byEpoch(({ train }) => train.loss),
    ),
    chart('learning-rate', 'Learning rate', '', rates, true),
    chart(
      'throughput',
      'Images per second',
      '',
      byEpoch((record) => record.images_per_second),
    ),
  ];
}

function rates({ history }: RecordedRun): Point[] {
  return history.steps.map((record) => ({
    x: history.positionOf(record),
    y: record.learning_rate,
  }));
}

const columns = [
  'Run',
  'Outcome',
  'Epochs',
  'Best top-1',
  'in epoch',
  'Last top-1',
  'Last loss',
  'Images/s',
  'Time',
];

function figuresTable(figures: readonly RunFigures[]): Html {
  const highest = Math.max(...figures.map(({ best }) => best?.valid_top1 ?? -1));
  const value = (found: EpochFigures | undefined, show: (found: EpochFigures) => string) =>
    found ? show(found) : '–';
  const rows = figures.map((run, i) => {
    const { outcome, reason, epochs, total_epochs, best, last } = run;
    const { images_per_second = NaN, seconds } = run;
    const cells = [
      `${epochs} of ${total_epochs}`,
      value(best, ({ valid_top1 }) => percent(valid_top1, 2)),
      value(best, ({ epoch }) => String(epoch)),
      value(last, ({ valid_top1 }) => percent(valid_top1, 2)),
      value(last, ({ valid_loss }) => fixed(valid_loss, 4)),
      fixed(images_per_second, 0),
      duration(seconds),
    ];
    return html`<tr class="${best?.valid_top1 === highest ? 'best' : ''}">
      <th scope="row"><span class="key c${colorOf(i)}"></span>${run.run}</th>
      <td>${outcome}${reason === undefined ? '' : `: ${reason}`}</td>
      ${cells.map((cell) => html`<td class="number">${cell}</td>`)}
    </tr>`;
  });
  const heads = columns.map(
    (name, i) => html`<th scope="col" class="${i > 1 ? 'number' : ''}">${name}</th>`,
  );
  return html`<table class="list">
    <thead>
      <tr>
        ${heads}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function differenceTable(figures: readonly RunFigures[], found: readonly Difference[]): Html {
  if (found.length === 0) return html`<p>None.</p>`;
  const heads = figures.map(
    ({ run }, i) => html`<th scope="col"><span class="key c${colorOf(i)}"></span>${run}</th>`,
  );
  const rows = found.map(
    ({ field, values }) =>
      html`<tr>
        <th scope="row">${field}</th>
        ${values.map((value) => html`<td>${value ?? '–'}</td>`)}
      </tr>`,
  );
  return html`<table class="list">
    <thead>
      <tr>
        <th scope="col">Field</th>
        ${heads}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}
