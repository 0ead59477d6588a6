import { expect, it } from 'vitest';
import { countCorrect } from '../../src/train/metrics.js';
import { DetailCollector } from '../../src/train/validation_details.js';
import { randomStream } from '../../src/random.js';

const classes = 5;
const softmax = (row: number[]) => {
  const powers = row.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
};

it('counts every image by true and predicted class, as top-1 does', () => {
  const random = randomStream(3, 1, 4);
  const collector = new DetailCollector(classes);
  let correct = 0;
  for (let batch = 0; batch < 7; batch++) {
    const labels = Int32Array.from({ length: 6 }, (_, i) => (batch + i) % classes);
    const logits = Float32Array.from({ length: 6 * classes }, () => Math.round(3 * random())); // ties
    correct += countCorrect(logits, labels).top1;
    collector.add(logits, labels, Array<string>(6).fill('a.png'));
  }
  const { confusion } = collector.details;
  expect(confusion.reduce((a, b) => a + b)).toBe(42);
  const diagonal = Array.from({ length: classes }, (_, c) => confusion[c * (classes + 1)]!);
  expect(diagonal.reduce((a, b) => a + b)).toBe(correct);
});

it('keeps the 24 worst mistakes, the worst first, and their probabilities', () => {
  const random = randomStream(1, 1, 1);
  const rows = Array.from({ length: 60 }, () =>
    Array.from({ length: classes }, () => Math.fround(6 * random())),
  );
  const collector = new DetailCollector(classes);
  for (const [i, row] of rows.entries())
    collector.add(Float32Array.from(row), Int32Array.of(2), [`${i}.png`]);
  const expected = rows
    .map((row, i) => ({ file: `${i}.png`, probability: softmax(row)[2]!, row }))
    .filter(({ row }) => Math.max(...row) !== row[2])
    .sort((a, b) => a.probability - b.probability)
    .slice(0, 24);
  const { worst } = collector.details;
  expect(worst.map(({ file }) => file)).toEqual(expected.map(({ file }) => file));
  worst.forEach((mistake, i) => {
    const { row, probability } = expected[i]!;
    expect(mistake.label).toBe(2);
    expect(mistake.predicted).toBe(row.indexOf(Math.max(...row)));
    expect(mistake.probability).toBeCloseTo(probability, 6);
    expect(mistake.confidence).toBeCloseTo(Math.max(...softmax(row)), 6);
    expect(mistake.loss).toBeCloseTo(-Math.log(probability), 5);
  });
});

it('leaves out images whose probabilities are no numbers', () => {
  const collector = new DetailCollector(2);
  collector.add(Float32Array.of(NaN, NaN, 0, 1), Int32Array.of(1, 0), ['nan.png', 'b.png']);
  expect(collector.details.worst.map(({ file }) => file)).toEqual(['b.png']);
});
