import type { ScheduleConfig } from './schedule_config.js';

type Factor<Name> = (config: Extract<ScheduleConfig, { name: Name }>, epoch: number) => number;

/** What the base learning rate is multiplied by in an epoch (from 0), as in torch.optim.lr_scheduler. */
const factors: { [Name in ScheduleConfig['name']]: Factor<Name> } = {
  StepLR: ({ step_size, gamma }, epoch) => gamma ** Math.floor(epoch / step_size),
  MultiStepLR: ({ milestones, gamma }, epoch) =>
    gamma ** milestones.filter((milestone) => milestone <= epoch).length,
  ExponentialLR: ({ gamma }, epoch) => gamma ** epoch,
};

/**
 * The learning rate of a step.
 * @param epoch from 0
 * @param _share of the epoch's steps that are done
 */
export function learningRate(
  config: ScheduleConfig,
  base: number,
  epoch: number,
  _share = 0,
): number {
  const factor = factors[config.name] as Factor<ScheduleConfig['name']>;
  return base * factor(config, epoch);
}
