import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { learningRate } from '../../src/train/schedule.js';
import type { ScheduleConfig } from '../../src/train/schedule_config.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

interface Case {
  config: ScheduleConfig;
  base: number;
  lr: number[];
}

const noWarmup = { warmup_epochs: 0, warmup_factor: 0.1 };

function expectRates(found: number[], expected: number[]): void {
  const errors = expected.map((rate, i) => Math.abs(found[i]! - rate));
  expect(Math.max(...errors)).toBeLessThan(1e-11);
}

describeWithReference('learning rate schedules', () => {
  it.each(['StepLR', 'MultiStepLR', 'ExponentialLR'])('%s gives PyTorch’s rates', (name) => {
    const file = referenceFile('expected/schedules.json');
    const cases = (JSON.parse(readFileSync(file, 'utf8')) as Case[]).filter(
      ({ config }) => config.name === name,
    );
    expect(cases.length).toBeGreaterThan(0);
    for (const { config, base, lr } of cases) {
      const errors = lr.map(
        (rate, epoch) => learningRate({ ...config, ...noWarmup }, base, epoch, 0.5) / rate - 1,
      );
      expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1e-12);
    }
  });
});

// param_groups[0]['lr'] of a torch.optim.SGD with lr=0.4 before each step() of the scheduler, to
// twelve digits.

it.each([
  [
    { T_max: 10, eta_min: 0 },
    [
      0.4, 0.390211303259, 0.361803398875, 0.317557050458, 0.261803398875, 0.2, 0.138196601125,
      0.082442949542, 0.038196601125, 0.009788696741, 0, 0.009788696741, 0.038196601125,
    ],
  ],
  [
    { T_max: 5, eta_min: 0.01 },
    [
      0.4, 0.362758313903, 0.265258313903, 0.144741686097, 0.047241686097, 0.01, 0.047241686097,
      0.144741686097, 0.265258313903, 0.362758313903, 0.4, 0.362758313903,
    ],
  ],
])('CosineAnnealingLR gives PyTorch’s rates: %o', (fields, expected) => {
  const config: ScheduleConfig = { name: 'CosineAnnealingLR', ...fields, ...noWarmup };
  const rates = expected.map((_, epoch) => learningRate(config, 0.4, epoch));
  expectRates(rates, expected);
});

it('warms up step by step, as PyTorch’s LinearLR(start_factor=0.1, total_iters=6)', () => {
  const constant: ScheduleConfig = { name: 'ExponentialLR', gamma: 1, ...noWarmup };
  const rates = [0, 1, 2].flatMap((epoch) =>
    [0, 1, 2].map((step) => learningRate({ ...constant, warmup_epochs: 2 }, 0.4, epoch, step / 3)),
  );
  expectRates(rates, [0.04, 0.1, 0.16, 0.22, 0.28, 0.34, 0.4, 0.4, 0.4]);
});

it('warms up to the rate that the schedule has by then', () => {
  const step = { name: 'StepLR' as const, step_size: 1, gamma: 0.5 };
  const config: ScheduleConfig = { ...step, warmup_epochs: 1.5, warmup_factor: 0.25 };
  const rates = [0, 1.25, 1.5, 2].map((at) => learningRate(config, 1, Math.floor(at), at % 1));
  expectRates(rates, [0.25, 0.5 * 0.875, 0.5, 0.25]);
});
