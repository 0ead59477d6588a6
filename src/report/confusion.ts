/** How often each class was taken for each: `[true class, predicted class, images]`. */
export type SparseConfusion = readonly (readonly [number, number, number])[];

export interface ClassAccuracy {
  label: number;
  images: number;
  correct: number;
}

/** Images and right ones of each class. */
export function classAccuracies(classes: number, confusion: SparseConfusion): ClassAccuracy[] {
  const found = Array.from({ length: classes }, (_, label) => ({ label, images: 0, correct: 0 }));
  for (const [truth, predicted, images] of confusion) {
    found[truth]!.images += images;
    if (truth === predicted) found[truth]!.correct += images;
  }
  return found;
}

/** The pairs of classes that were confused most often, most often first. */
export function topConfusions(confusion: SparseConfusion, count: number): SparseConfusion {
  const mistakes = confusion.filter(([truth, predicted]) => truth !== predicted);
  return mistakes.sort((a, b) => b[2] - a[2]).slice(0, count);
}

/** A confusion matrix of groups of neighbouring classes. */
export interface GroupedConfusion {
  /** Classes per group; the last may have fewer. */
  size: number;
  groups: number;
  /** Row-major [groups, groups]; a row holds the images of a true group. */
  counts: Float64Array;
}

/** Sums up neighbouring classes, so that there are at most `most` rows. */
export function groupConfusion(
  classes: number,
  confusion: SparseConfusion,
  most: number,
): GroupedConfusion {
  const size = Math.ceil(classes / most);
  const groups = Math.ceil(classes / size);
  const counts = new Float64Array(groups * groups);
  for (const [truth, predicted, images] of confusion)
    counts[Math.floor(truth / size) * groups + Math.floor(predicted / size)]! += images;
  return { size, groups, counts };
}
