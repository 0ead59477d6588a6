import { describe, expect, it } from 'vitest';
import { localTime, tickLabel } from '../../src/report/page/format.js';
import { logarithmicScale, roundedScale } from '../../src/report/page/scale.js';

describe('labels beside an axis', () => {
  it.each([
    [0, '0'],
    [0.05, '0.05'],
    [2.5, '2.5'],
    [2000, '2000'],
    [20_000, '20k'],
    [-250_000, '-250k'],
    [8_000_000, '8M'],
    [1.5e9, '1.5G'],
    [2e12, '2e12'],
    [5e-6, '5e-6'],
  ])('%d is %s', (value, label) => expect(tickLabel(value)).toBe(label));

  it('are short and tell marks apart, whatever the values are', () => {
    for (let power = -12; power < 38; power++) {
      for (const factor of [1, 1.1, 3, 7.3, 9.9]) {
        const highest = factor * 10 ** power;
        for (const { ticks } of [
          roundedScale(0, highest),
          roundedScale(-highest / 3, highest),
          logarithmicScale(highest / 1e5, highest),
        ]) {
          const labels = ticks.map(tickLabel);
          expect(new Set(labels).size).toBe(ticks.length);
          expect(Math.max(...labels.map(({ length }) => length))).toBeLessThanOrEqual(7);
          labels.forEach((label, i) => expect(valueOf(label)).toBe(ticks[i]));
        }
      }
    }
  });
});

it('times are of this place, and sort as text', () => {
  expect(localTime(new Date(2026, 10, 3, 9, 8, 7))).toBe('2026-11-03 09:08:07');
});

function valueOf(label: string): number {
  return Number(label.replace('k', 'e3').replace('M', 'e6').replace('G', 'e9'));
}
