import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { ScheduleConfig } from '../../src/train/schedule_config.js';
import { learningRate } from '../../src/train/schedule.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

interface Case {
  config: ScheduleConfig;
  base: number;
  lr: number[];
}

describeWithReference('learning rate schedules', () => {
  it.each(['StepLR', 'MultiStepLR', 'ExponentialLR'])('%s gives PyTorch’s rates', (name) => {
    const file = referenceFile('expected/schedules.json');
    const cases = (JSON.parse(readFileSync(file, 'utf8')) as Case[]).filter(
      ({ config }) => config.name === name,
    );
    expect(cases.length).toBeGreaterThan(0);
    for (const { config, base, lr } of cases) {
      const errors = lr.map((rate, epoch) => learningRate(config, base, epoch) / rate - 1);
      expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1e-12);
    }
  });
});
