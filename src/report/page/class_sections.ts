import path from 'node:path';
import { readableClasses } from '../../class_labels.js';
import { classAccuracies, topConfusions, type ClassAccuracy } from '../confusion.js';
import type { ValidationSnapshot } from '../validation_snapshot.js';
import { confusionList, confusionMatrix } from './confusion_matrix.js';
import { counted, percent } from './format.js';
import { html, type Html } from './html.js';

const mostConfusions = 16;
/** Classes whose accuracy is shown as bars; of more, the weakest. */
const mostBars = 16;

/** Which classes are told apart, which are not, and the worst mistakes. */
export function classSections(found: ValidationSnapshot | undefined): Html {
  if (!found)
    return html`<section id="classes">
      <h2>Classes</h2>
      <p class="soft">The first validation will show here.</p>
    </section>`;
  const { confusion, epoch } = found;
  const classes = readableClasses(found.classes);
  const accuracies = classAccuracies(classes.length, confusion);
  const images = (label: number) => accuracies[label]!.images;
  const confusions = topConfusions(confusion, mostConfusions);
  return html`<section id="classes">
      <h2>Classes</h2>
      <p class="soft">Of the validation after epoch ${epoch + 1}.</p>
      <div class="pair">
        <div class="card">
          <h3>Confusion matrix</h3>
          ${confusionMatrix(classes, confusion)}
        </div>
        <div class="card">
          <h3>Most frequent confusions</h3>
          ${confusionList(classes, confusions, images)}
        </div>
      </div>
      ${accuracyCard(classes, accuracies)}
    </section>
    ${mistakes(found.worst, classes)}`;
}

function accuracyCard(classes: readonly string[], accuracies: ClassAccuracy[]): Html {
  const sorted = accuracies.filter(({ images }) => images > 0).sort((a, b) => share(a) - share(b));
  const all = sorted.length <= mostBars;
  const bars = sorted.slice(0, mostBars).map(
    (found) =>
      html`<li>
        <span class="name">${classes[found.label]}</span>
        <span class="bar" aria-hidden="true"
          ><span style="width:${share(found).toFixed(1)}%"></span
        ></span>
        <span class="number"
          >${percent(share(found))} <span class="soft">of ${found.images}</span></span
        >
      </li>`,
  );
  return html`<div class="card">
    <h3>Accuracy by class${all ? '' : `: the weakest ${mostBars} of ${sorted.length}`}</h3>
    <ol class="bars">
      ${bars}
    </ol>
    ${all ? undefined : allClasses(classes, accuracies)}
  </div>`;
}

function allClasses(classes: readonly string[], accuracies: readonly ClassAccuracy[]): Html {
  const items = accuracies.map(
    (found) =>
      html`<li>${classes[found.label]} <b>${percent(share(found), 0)}</b> of ${found.images}</li>`,
  );
  return html`<details id="all-classes">
    <summary>All ${classes.length} classes</summary>
    <ul class="columns">
      ${items}
    </ul>
  </details>`;
}

function share({ correct, images }: ClassAccuracy): number {
  return (100 * correct) / images;
}

function mistakes(worst: ValidationSnapshot['worst'], classes: readonly string[]): Html {
  const figures = worst.map(({ file, label, predicted, probability, confidence, jpeg }) => {
    const [truth, taken] = [classes[label]!, classes[predicted]!];
    const picture = jpeg
      ? html`<img src="data:image/jpeg;base64,${jpeg}" alt="${truth}, taken for ${taken}" />`
      : html`<div class="missing">no picture</div>`;
    return html`<figure>
      ${picture}
      <figcaption>
        <span class="wrong">${taken}</span> ${percent(100 * confidence, 0)}<br />
        <span class="soft">is</span>
        <span class="right">${truth}</span> ${percent(100 * probability)}<br />
        <span class="file soft" title="${file}">${path.basename(file)}</span>
      </figcaption>
    </figure>`;
  });
  return html`<section id="mistakes">
    <h2>Worst mistakes</h2>
    <p class="soft">
      ${
        worst.length === 0
          ? 'None: every validation image was recognised.'
          : `${counted(worst.length, 'validation image')} that the network was surest to know and did not: what it took them for, what they are, and how probable it found both.`
      }
    </p>
    <div class="mistakes">${figures}</div>
  </section>`;
}
