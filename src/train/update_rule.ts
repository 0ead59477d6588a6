import type * as tf from '@tensorflow/tfjs';
import { sgdUpdate } from '../ops/sgd_update.js';
import type { UpdateRuleConfig } from './optimizer_config.js';

/** What a step updates: parameters, their gradients, and per slot a buffer for each parameter. */
export interface UpdateOperands {
  parameters: readonly tf.Variable[];
  gradients: readonly tf.Tensor[];
  slots: readonly (readonly tf.Variable[])[];
}

/** What differs from step to step and from group to group. */
export interface StepSettings {
  learningRate: number;
  weightDecay: number;
  /** Number of the step, from 1. */
  step: number;
}

/** How an optimizer updates parameters in place, and what it keeps for each of them. */
export interface UpdateRule {
  /** Names of its slots in checkpoints. */
  slots: readonly string[];
  update(operands: UpdateOperands, settings: StepSettings): void;
}

type Name = UpdateRuleConfig['name'];
type Rules = { [N in Name]: (config: Extract<UpdateRuleConfig, { name: N }>) => UpdateRule };

/** By the optimizer's published name. */
const rules: Rules = {
  SGD: ({ momentum, nesterov }) => ({
    slots: momentum > 0 ? ['momentum'] : [],
    update({ parameters, gradients, slots: [momenta = []] }, { learningRate, weightDecay }) {
      sgdUpdate(parameters, gradients, momenta, { learningRate, momentum, weightDecay, nesterov });
    },
  }),
};

export function createUpdateRule(config: UpdateRuleConfig): UpdateRule {
  const create = rules[config.name];
  return create(config);
}
