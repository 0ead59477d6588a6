/** Averages of a phase, weighted by images. `top1` and `top5` are percentages. */
export interface Averages {
  images: number;
  loss: number;
  top1: number;
  top5: number;
}

/** Sums behind {@link Averages}; plain numbers, so that a checkpoint can hold them. */
export interface Totals {
  images: number;
  loss: number;
  top1: number;
  top5: number;
}

export function emptyTotals(): Totals {
  return { images: 0, loss: 0, top1: 0, top5: 0 };
}

/** Adds one batch: its mean loss, and how many of its images were right. */
export function addBatch(totals: Totals, loss: number, correct: Correct, images: number): void {
  totals.images += images;
  totals.loss += loss * images;
  totals.top1 += correct.top1;
  totals.top5 += correct.top5;
}

/** Averages so far; NaN before the first image. */
export function averages({ images, loss, top1, top5 }: Totals): Averages {
  return {
    images,
    loss: loss / images,
    top1: (100 * top1) / images,
    top5: (100 * top5) / images,
  };
}

export interface Correct {
  top1: number;
  top5: number;
}

/**
 * How many labels are the highest logit of their row, and how many are among the five highest.
 * Of equal logits the lower class comes first; a NaN ranks before everything, so that it
 * never counts as right.
 * @param logits row-major [labels.length, classes]
 */
export function countCorrect(logits: Float32Array, labels: Int32Array): Correct {
  const classes = logits.length / labels.length;
  const correct = { top1: 0, top5: 0 };
  labels.forEach((label, row) => {
    const rank = rankOf(logits.subarray(row * classes, (row + 1) * classes), label);
    if (rank < 1) correct.top1++;
    if (rank < 5) correct.top5++;
  });
  return correct;
}

function rankOf(logits: Float32Array, label: number): number {
  const own = logits[label] as number;
  let rank = 0;
  logits.forEach((logit, index) => {
    if (index === label) return;
    if (!(logit <= own) || (logit === own && index < label)) rank++;
  });
  return rank;
}
