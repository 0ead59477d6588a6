/** Where a network goes wrong. */
export interface ValidationDetails {
  /** Images by true and predicted class, [classes, classes]; a row is a true class. */
  confusion: Uint32Array;
  /** At most 24, most wrong first. */
  worst: Mistake[];
}

/** An image that was taken for another class. */
export interface Mistake {
  file: string;
  label: number;
  predicted: number;
  /** Of the label. */
  probability: number;
  /** Of the predicted class. */
  confidence: number;
  loss: number;
}

const mostMistakes = 24;

/** Collects details of a validation, batch by batch. */
export class DetailCollector {
  private readonly confusion: Uint32Array;
  private worst: Mistake[] = [];

  constructor(private readonly classes: number) {
    this.confusion = new Uint32Array(classes * classes);
  }

  /** @param logits row-major [files.length, classes] */
  add(logits: Float32Array, labels: Int32Array, files: readonly string[]): void {
    labels.forEach((label, row) => {
      const scores = logits.subarray(row * this.classes, (row + 1) * this.classes);
      const predicted = highest(scores);
      this.confusion[label * this.classes + predicted]!++;
      if (predicted !== label) this.addMistake(scores, files[row]!, label, predicted);
    });
  }

  get details(): ValidationDetails {
    return { confusion: this.confusion, worst: this.worst };
  }

  private addMistake(scores: Float32Array, file: string, label: number, predicted: number): void {
    const highest = scores[predicted]!;
    const sum = scores.reduce((total, score) => total + Math.exp(score - highest), 0);
    const loss = Math.log(sum) + highest - scores[label]!;
    const place = this.worst.findIndex((mistake) => mistake.loss < loss);
    if (!Number.isFinite(loss) || (place < 0 && this.worst.length >= mostMistakes)) return;
    const mistake = { file, label, predicted, probability: Math.exp(-loss), confidence: 1 / sum };
    this.worst.splice(place < 0 ? this.worst.length : place, 0, { ...mistake, loss });
    this.worst = this.worst.slice(0, mostMistakes);
  }
}

/** Of equal scores the lower class counts, as it does for top-1. */
function highest(scores: Float32Array): number {
  let best = 0;
  scores.forEach((score, index) => {
    if (score > scores[best]!) best = index;
  });
  return best;
}
