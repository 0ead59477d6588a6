import type { RecordedRun } from '../run.js';
import type { StepRecord } from '../log_record.js';
import type { RunHistory } from '../run_history.js';
import type { ValidationSnapshot } from '../validation_snapshot.js';
import { classSections } from './class_sections.js';
import { flatten } from '../configuration.js';
import { counted, duration, fixed, localTime, percent, short } from './format.js';
import { html, type Html } from './html.js';
import { page } from './page.js';
import { runCharts } from './run_charts.js';

const states = {
  running: 'running',
  finished: 'finished',
  interrupted: 'interrupted',
  diverged: 'diverged: the loss is no number',
  failed: 'failed',
  'stopped early': 'stopped early: nothing better came',
} as const;

/**
 * The page of one run, which renews itself in the browser while the run goes on.
 * @param more a section of its own, before the details
 */
export function runPage(run: RecordedRun, more?: Html): string {
  const { name, history, configuration, snapshot } = run;
  const { state, reason } = history;
  const body = html`<main data-state="${state}" data-written="${new Date().toISOString()}">
      <section id="top">
        <header>
          <h1>${name}</h1>
          <p class="state ${state.replace(' ', '-')}">${states[state]}</p>
        </header>
        ${reason === undefined ? undefined : html`<p class="reason">${reason}</p>`}
        ${progress(history)} ${figures(history)}
      </section>
      <section id="curves">
        <h2>Curves</h2>
        <div class="charts">${runCharts(history)}</div>
      </section>
      ${validation(snapshot)} ${more}
      <section id="details">
        <h2>Details</h2>
        ${epochTable(history)} ${configurationTable(configuration)}
      </section>
    </main>
    <footer class="soft">
      <p id="freshness">written ${localTime(new Date())}</p>
    </footer>`;
  return page(`${headline(history)} ${name} – menet`, body);
}

function validation(snapshot: ValidationSnapshot | undefined): Html {
  if (snapshot)
    return classSections(snapshot, `Of the validation after epoch ${snapshot.epoch + 1}.`);
  return html`<section id="classes">
    <h2>Classes</h2>
    <p class="soft">The first validation will show here.</p>
  </section>`;
}

/** For the browser's tab. */
function headline({ state, position, totalEpochs, best }: RunHistory): string {
  if (state !== 'running') return best ? `${percent(best.valid.top1)} ·` : '';
  return `${Math.floor((100 * position) / Math.max(1, totalEpochs))} % ·`;
}

function progress(history: RunHistory): Html {
  const { state, position, totalEpochs, secondsLeft, seconds } = history;
  const epoch = Math.min(Math.floor(position) + 1, totalEpochs);
  const where =
    state === 'running'
      ? `epoch ${epoch} of ${totalEpochs}`
      : `${counted(history.epochs.length, 'epoch')} of ${totalEpochs}`;
  const left = secondsLeft === undefined ? '' : ` · about ${duration(secondsLeft)} left`;
  return html`<p class="where">${where} · ${duration(seconds)}${left}</p>
    <progress max="${Math.max(1, totalEpochs)}" value="${fixed(position, 3)}">
      ${fixed(position, 1)}
    </progress>`;
}

function figures({ best, epochs, steps }: RunHistory): Html {
  const [epoch, step] = [epochs.at(-1), steps.at(-1)];
  const shown: [string, string, string][] = [];
  if (best && epoch) {
    shown.push(
      ['Best top-1', percent(best.valid.top1, 2), `epoch ${best.epoch + 1}`],
      ['Last top-1', percent(epoch.valid.top1, 2), `training ${percent(epoch.train.top1)}`],
      ['Validation loss', fixed(epoch.valid.loss, 4), `training ${fixed(epoch.train.loss, 4)}`],
    );
  } else if (step) {
    shown.push(
      ['Training loss', fixed(step.loss, 4), `step ${step.step}`],
      ['Training top-1', percent(step.top1), `step ${step.step}`],
    );
  }
  if (step) shown.push(...pace(steps.slice(-recentRecords)));
  const items = shown.map(
    ([name, value, note]) =>
      html`<div class="card">
        <dt>${name}</dt>
        <dd>${value}</dd>
        <dd class="soft">${note}</dd>
      </div>`,
  );
  return html`<dl class="figures">${items}</dl>`;
}

/** Records of steps whose pace counts as the present one. */
const recentRecords = 20;

function pace(records: readonly StepRecord[]): [string, string, string][] {
  const sum = (value: (record: StepRecord) => number) =>
    records.reduce((total, record) => total + value(record), 0);
  const milliseconds = sum((record) => record.milliseconds * record.steps);
  const rate = (1000 * sum(({ images }) => images)) / milliseconds;
  const step = milliseconds / sum(({ steps }) => steps);
  const waited = (100 * sum((record) => record.waited * record.steps)) / milliseconds;
  return [
    ['Images per second', fixed(rate, 0), `${fixed(step, 1)} ms a step`],
    ['Waiting for data', percent(waited), 'of the time'],
  ];
}

const columns = ['Epoch', 'Rate', 'Loss', 'Top-1', 'Top-5', 'Loss', 'Top-1', 'Top-5', 'Time'];

/** Every figure of the curves by epoch, also for those who do not see them. */
function epochTable({ epochs, best }: RunHistory): Html {
  const rows = epochs.map(({ epoch, learning_rate, train, valid, seconds }) => {
    const figures = [train, valid].flatMap(({ loss, top1, top5 }) => [
      fixed(loss, 4),
      fixed(top1, 2),
      fixed(top5, 2),
    ]);
    const cells = [short(learning_rate), ...figures, duration(seconds)];
    return html`<tr class="${epoch === best?.epoch ? 'best' : ''}">
      <th scope="row" class="number">${epoch + 1}</th>
      ${cells.map((cell) => html`<td class="number">${cell}</td>`)}
    </tr>`;
  });
  const heads = columns.map((name) => html`<th scope="col" class="number">${name}</th>`);
  return html`<details id="epochs">
    <summary>Epochs as a table</summary>
    <div class="scroll">
      <table class="list">
        <thead>
          <tr>
            <td colspan="2"></td>
            <th scope="colgroup" colspan="3">Training</th>
            <th scope="colgroup" colspan="3">Validation</th>
            <td></td>
          </tr>
          <tr>
            ${heads}
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </details>`;
}

function configurationTable(configuration: unknown): Html | undefined {
  if (configuration === undefined) return undefined;
  const rows = [...flatten(configuration)].map(
    ([field, value]) =>
      html`<tr>
        <th scope="row">${field}</th>
        <td>${value}</td>
      </tr>`,
  );
  return html`<details id="configuration">
    <summary>Configuration</summary>
    <div class="scroll">
      <table class="list">
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </details>`;
}
