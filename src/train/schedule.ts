import type { ScheduleConfig } from './schedule_config.js';

type Rate<Name> = (
  config: Extract<ScheduleConfig, { name: Name }>,
  base: number,
  epoch: number,
) => number;

/** The learning rate of an epoch (from 0), as in torch.optim.lr_scheduler. */
const rates: { [Name in ScheduleConfig['name']]: Rate<Name> } = {
  StepLR: ({ step_size, gamma }, base, epoch) => base * gamma ** Math.floor(epoch / step_size),
  MultiStepLR: ({ milestones, gamma }, base, epoch) =>
    base * gamma ** milestones.filter((milestone) => milestone <= epoch).length,
  ExponentialLR: ({ gamma }, base, epoch) => base * gamma ** epoch,
  CosineAnnealingLR: ({ T_max, eta_min }, base, epoch) =>
    eta_min + ((base - eta_min) * (1 + Math.cos((Math.PI * epoch) / T_max))) / 2,
};

/**
 * The learning rate of a step: the epoch's, and while the schedule warms up, times a factor that
 * rises linearly from `warmup_factor` in the first step to 1 in the first step after
 * `warmup_epochs`, as torch.optim.lr_scheduler.LinearLR does it with a step per step.
 * @param epoch from 0
 * @param share of the epoch's steps that are done
 */
export function learningRate(
  config: ScheduleConfig,
  base: number,
  epoch: number,
  share = 0,
): number {
  const rate = rates[config.name] as Rate<ScheduleConfig['name']>;
  return rate(config, base, epoch) * warmupFactor(config, epoch + share);
}

function warmupFactor({ warmup_epochs, warmup_factor }: ScheduleConfig, epochs: number): number {
  if (epochs >= warmup_epochs) return 1;
  return warmup_factor + ((1 - warmup_factor) * epochs) / warmup_epochs;
}
