import { describe, expect, it } from 'vitest';
import { addBatch, averages, countCorrect, emptyTotals } from '../../src/train/metrics.js';

describe('countCorrect', () => {
  it('counts the best and the five best of each row', () => {
    const logits = new Float32Array([
      ...[7, 6, 5, 4, 3, 2, 1], // label 0: first
      ...[7, 6, 5, 4, 3, 2, 1], // label 4: fifth
      ...[7, 6, 5, 4, 3, 2, 1], // label 5: sixth
    ]);
    expect(countCorrect(logits, new Int32Array([0, 4, 5]))).toEqual({ top1: 1, top5: 2 });
  });

  it('puts the lower of two equal classes first', () => {
    const logits = new Float32Array([1, 1, 1, 1]);
    expect(countCorrect(logits, new Int32Array([0, 1])).top1).toBe(1);
  });

  it('never counts a row of NaN as right', () => {
    const logits = new Float32Array(6).fill(NaN);
    expect(countCorrect(logits, new Int32Array([0]))).toEqual({ top1: 0, top5: 0 });
  });
});

it('averages are weighted by images', () => {
  const totals = emptyTotals();
  addBatch(totals, 1, { top1: 3, top5: 4 }, 4);
  addBatch(totals, 4, { top1: 0, top5: 2 }, 2);
  expect(averages(totals)).toEqual({ images: 6, loss: 2, top1: 50, top5: 100 });
});
