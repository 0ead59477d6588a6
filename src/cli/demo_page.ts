import { html, type Html } from '../report/page/html.js';
import { percent } from '../report/page/format.js';
import { runPage } from '../report/page/run_page.js';
import type { RecordedRun } from '../report/run.js';
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

/** The page of the demo's run, with images that its network predicted. */
export function demoPage(run: RecordedRun, predictions: readonly PredictedImage[]): string {
  const section = html`<section id="predictions">
    <h2>Predicted validation images</h2>
    <div class="mistakes">${predictions.map(figure)}</div>
  </section>`;
  return runPage(run, section);
}

function figure({ jpeg, truth, top }: PredictedImage): Html {
  const { label, probability } = top[0]!;
  const right = label === truth;
  return html`<figure>
    <img src="data:image/jpeg;base64,${jpeg.toString('base64')}" alt="${truth}" />
    <figcaption>
      <span class="${right ? 'right' : 'wrong'}">${right ? '✓' : '✗'} ${label}</span>
      ${percent(100 * probability, 0)} ${right ? undefined : html`<br />is ${truth}`}
    </figcaption>
  </figure>`;
}
