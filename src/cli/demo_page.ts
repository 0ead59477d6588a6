import type { Evaluation } from '../train/evaluate.js';
import type { EpochRecord } from '../train/training_state.js';
import { lineChart } from './line_chart.js';
import type { LabelledPrediction } from './predict.js';

/** A validation image that was predicted. */
export interface PredictedImage {
  /** JPEG bytes. */
  jpeg: Buffer;
  /** The class it is of. */
  truth: string;
  /** Best first. */
  top: LabelledPrediction[];
}

export interface DemoReport {
  network: string;
  seconds: number;
  epochs: readonly EpochRecord[];
  evaluation: Evaluation;
  predictions: readonly PredictedImage[];
}

const style = `
  :root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #d8dde6;
          --first: #2563eb; --second: #d9480f; --right: #15803d; --wrong: #b91c1c; --ground: #fff; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #3a4352; --first: #7aa2ff; --second: #ff9f6b;
            --right: #4ade80; --wrong: #f87171; --ground: #14181f; } }
  body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
         max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1, h2 { font-weight: 600; line-height: 1.2; }
  dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; }
  dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.4rem; }
  .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
  svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--soft); }
  .images { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 1rem; }
  figure { margin: 0; font-size: .85rem; } figure img { width: 100%; image-rendering: auto; }
  .right { color: var(--right); } .wrong { color: var(--wrong); }
`;

/** The page of a demo run: figures, curves and predicted images, in one file without scripts. */
export function demoPage(report: DemoReport): string {
  const { evaluation, epochs, predictions, network, seconds } = report;
  const facts = {
    Network: network,
    'Top-1': `${evaluation.top1.toFixed(1)} %`,
    'Validation images': String(evaluation.images),
    Epochs: String(epochs.length),
    'Time in all': `${seconds.toFixed(0)} s`,
  };
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>menet demo</title>
<style>${style}</style>
<h1>menet demo</h1>
<dl>${Object.entries(facts)
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeText(value)}</dd></div>`)
    .join('')}</dl>
<h2>Training</h2>
<div class="charts">${curves(epochs)}</div>
<h2>Predicted validation images</h2>
<div class="images">${predictions.map(figure).join('')}</div>
</html>
`;
}

function curves(epochs: readonly EpochRecord[]): string {
  const chart = (title: string, field: 'loss' | 'top1') =>
    lineChart(title, [
      { name: 'training', values: epochs.map(({ train }) => train[field]) },
      { name: 'validation', values: epochs.map(({ valid }) => valid[field]) },
    ]);
  return chart('Loss by epoch', 'loss') + chart('Top-1 by epoch, %', 'top1');
}

function figure({ jpeg, truth, top }: PredictedImage): string {
  const best = top[0] as LabelledPrediction;
  const right = best.label === truth;
  const verdict =
    `<span class="${right ? 'right' : 'wrong'}">${right ? '✓' : '✗'} ${escapeText(best.label)}</span> ` +
    `${(100 * best.probability).toFixed(0)} %${right ? '' : `<br>is ${escapeText(truth)}`}`;
  const source = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
  return `<figure><img src="${source}" alt="${escapeText(truth)}"><figcaption>${verdict}</figcaption></figure>`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
