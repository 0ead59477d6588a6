import type * as tf from '@tensorflow/tfjs';
import { adadeltaUpdate } from '../ops/adadelta_update.js';
import { adamUpdate } from '../ops/adam_update.js';
import type { UpdateOptions } from '../ops/multi_tensor.js';
import { rmspropUpdate } from '../ops/rmsprop_update.js';
import { sgdUpdate } from '../ops/sgd_update.js';
import type { UpdateRuleConfig } from './optimizer_config.js';

/** What a step updates: parameters, their gradients, and in each slot a buffer per parameter. */
export interface UpdateOperands {
  parameters: readonly tf.Variable[];
  gradients: readonly tf.Tensor[];
  slots: Readonly<Record<string, readonly tf.Variable[]>>;
}

/** What differs from step to step and from group to group. */
export interface StepSettings extends UpdateOptions {
  /** Number of the step, from 1. */
  step: number;
}

/** How an optimizer updates parameters in place, and what it keeps for each of them. */
export interface UpdateRule {
  /** Names of its slots in checkpoints: PyTorch's, momentum_buffer being `momentum`. */
  slots: readonly string[];
  update(operands: UpdateOperands, settings: StepSettings): void;
}

type Name = UpdateRuleConfig['name'];
type ConfigOf<N extends Name> = Extract<UpdateRuleConfig, { name: N }>;
type Create<N extends Name> = (config: ConfigOf<N>) => UpdateRule;

/** By the optimizer's published name. */
const rules: { [N in Name]: Create<N> } = {
  SGD: ({ momentum, nesterov }) => ({
    slots: momentum > 0 ? ['momentum'] : [],
    update({ parameters, gradients, slots }, settings) {
      const { momentum: momenta = [] } = slots;
      sgdUpdate(parameters, gradients, momenta, { ...settings, momentum, nesterov });
    },
  }),

  RMSprop: ({ alpha, epsilon, momentum, centered }) => ({
    slots: ['square_avg', ...(centered ? ['grad_avg'] : []), ...(momentum > 0 ? ['momentum'] : [])],
    update({ parameters, gradients, slots }, settings) {
      const options = { ...settings, alpha, epsilon, momentum, centered };
      const { square_avg = [], grad_avg = [], momentum: momenta = [] } = slots;
      const averages = { squareAverages: square_avg, gradientAverages: grad_avg, momenta };
      rmspropUpdate(parameters, gradients, averages, options);
    },
  }),

  Adam: (config) => adam(config, false),
  AdamW: (config) => adam(config, true),

  Adadelta: ({ rho, epsilon }) => ({
    slots: ['square_avg', 'acc_delta'],
    update({ parameters, gradients, slots }, settings) {
      const { square_avg = [], acc_delta = [] } = slots;
      const averages = { squareAverages: square_avg, accumulatedDeltas: acc_delta };
      adadeltaUpdate(parameters, gradients, averages, { ...settings, rho, epsilon });
    },
  }),
};

function adam({ betas, epsilon }: ConfigOf<'Adam' | 'AdamW'>, decoupled: boolean): UpdateRule {
  return {
    slots: ['exp_avg', 'exp_avg_sq'],
    update({ parameters, gradients, slots }, settings) {
      const { exp_avg = [], exp_avg_sq = [] } = slots;
      const averages = { averages: exp_avg, squareAverages: exp_avg_sq };
      adamUpdate(parameters, gradients, averages, { ...settings, betas, epsilon, decoupled });
    },
  };
}

export function createUpdateRule(config: UpdateRuleConfig): UpdateRule {
  const create = rules[config.name] as Create<Name>;
  return create(config);
}
