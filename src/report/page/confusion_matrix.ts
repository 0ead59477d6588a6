import { groupConfusion, type SparseConfusion } from '../confusion.js';
import { counted, percent } from './format.js';
import { html, type Html } from './html.js';

/** Classes up to which the matrix is a table of numbers. */
const mostInTable = 12;
/** Rows of the picture that more classes make; more are grouped. */
const mostRows = 100;
/** Shades of a cell, by the share of its row. */
const shades = 8;

/** How often each class was taken for each: rows are true classes. */
export function confusionMatrix(classes: readonly string[], confusion: SparseConfusion): Html {
  return classes.length <= mostInTable
    ? matrixTable(classes, confusion)
    : matrixPicture(classes, confusion);
}

function matrixTable(classes: readonly string[], confusion: SparseConfusion): Html {
  const { counts } = groupConfusion(classes.length, confusion, classes.length);
  const rows = classes.map((name, truth) => {
    const row = counts.subarray(truth * classes.length, (truth + 1) * classes.length);
    const images = row.reduce((sum, count) => sum + count, 0);
    const cells = [...row].map((count, predicted) => {
      const kind = predicted === truth ? 'right' : 'wrong';
      const shade = `${kind} s${Math.ceil(shadeOf(count, images))}`;
      const title = `${name} taken for ${classes[predicted]!}: ${counted(count, 'image')}`;
      return html`<td class="${shade}" title="${title}">${count || '·'}</td>`;
    });
    return html`<tr>
      <th scope="row">${name}</th>
      ${cells}
    </tr>`;
  });
  const heads = classes.map((name) => html`<th scope="col"><span>${name}</span></th>`);
  return html`<div class="scroll">
    <table class="matrix">
      <caption>
        Rows are true classes, columns what they were taken for.
      </caption>
      <thead>
        <tr>
          <td></td>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** Cells of one shade are one path of unit lines: a thousand classes stay small. */
function matrixPicture(classes: readonly string[], confusion: SparseConfusion): Html {
  const { size, groups, counts } = groupConfusion(classes.length, confusion, mostRows);
  const paths = new Map<string, string>();
  const cells: string[] = [];
  for (let row = 0; row < groups; row++) {
    const line = counts.subarray(row * groups, (row + 1) * groups);
    const images = line.reduce((sum, count) => sum + count, 0);
    line.forEach((count, column) => {
      if (count === 0) return;
      const shade = `${row === column ? 'right' : 'wrong'} s${Math.round(shadeOf(count, images))}`;
      paths.set(shade, `${paths.get(shade) ?? ''}M${column} ${row}.5h1`);
      cells.push(`${row} ${column} ${count}`);
    });
  }
  const names = Array.from({ length: groups }, (_, group) => groupName(classes, group, size));
  const rows = [...paths].map(([shade, path]) => html`<path class="${shade}" d="${path}" />`);
  return html`<svg
      id="matrix"
      class="matrix"
      viewBox="0 0 ${groups} ${groups}"
      role="img"
      tabindex="0"
      aria-label="Confusion matrix of ${classes.length} classes; the most frequent confusions are listed beside it"
      data-names="${JSON.stringify(names)}"
      data-cells="${cells.join(',')}"
    >
      ${rows}
    </svg>
    <p class="soft">
      Rows are true classes, columns what they were taken for, in the folders' order; the stronger
      the colour, the larger the share of the row.
      ${size > 1 ? `A cell sums up ${size} × ${size} neighbouring classes.` : ''}
    </p>`;
}

function groupName(classes: readonly string[], group: number, size: number): string {
  const [first, last] = [
    classes[group * size]!,
    classes[Math.min((group + 1) * size, classes.length) - 1]!,
  ];
  return first === last ? first : `${first} … ${last}`;
}

/** 0 for none; the square root makes rare confusions visible. */
function shadeOf(count: number, images: number): number {
  return images === 0 ? 0 : shades * Math.sqrt(count / images);
}

/** The pairs that were confused most often. */
export function confusionList(
  classes: readonly string[],
  confusions: SparseConfusion,
  images: (label: number) => number,
): Html {
  if (confusions.length === 0) return html`<p>No image was taken for another class.</p>`;
  const rows = confusions.map(
    ([truth, predicted, count]) =>
      html`<tr>
        <td>${classes[truth]}</td>
        <td>${classes[predicted]}</td>
        <td class="number">${count}</td>
        <td class="number">${percent((100 * count) / images(truth), 0)}</td>
      </tr>`,
  );
  return html`<div class="scroll">
    <table class="list">
      <thead>
        <tr>
          <th scope="col">True class</th>
          <th scope="col">Taken for</th>
          <th scope="col" class="number">Images</th>
          <th scope="col" class="number">Share</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}
