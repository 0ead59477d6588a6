import { describe, expect, it } from 'vitest';
import type { ScheduleConfig } from '../../src/train/config.js';
import { learningRate } from '../../src/train/schedule.js';
import { expected, hasReference, skipped } from './reference.js';

interface Case {
  config: ScheduleConfig;
  base: number;
  lr: number[];
}

describe.skipIf(!hasReference)(`learning rate schedules${skipped}`, () => {
  const cases = hasReference ? expected<Case[]>('schedules.json') : [];

  it.each(cases)('$config.name $config.gamma gives PyTorch’s rate in each epoch', (entry) => {
    const rates = entry.lr.map((_, epoch) => learningRate(entry.config, entry.base, epoch));
    rates.forEach((rate, epoch) => {
      const wanted = entry.lr[epoch] as number;
      expect(Math.abs(rate - wanted), `epoch ${epoch}`).toBeLessThanOrEqual(1e-12 * wanted);
    });
  });

  it('covers all three schedules', () => {
    expect(new Set(cases.map((entry) => entry.config.name))).toEqual(
      new Set(['StepLR', 'MultiStepLR', 'ExponentialLR']),
    );
  });
});
