import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { OptimizerSettings } from '../checkpoints/optimizer_dict.js';
import type { Model } from '../models/model.js';
import type { OptimizerConfig } from './optimizer_config.js';
import { parameterGroups } from './parameter_groups.js';
import type { TrainingState } from './training_state.js';

/** What torch.optim's groups have besides the fields of O, as torch.optim's classes default it. */
const constants: Readonly<Record<string, object>> = {
  SGD: { dampening: 0, maximize: false, foreach: null, differentiable: false, fused: null },
  RMSprop: { capturable: false, foreach: null, maximize: false, differentiable: false },
  Adam: { ...adam(), decoupled_weight_decay: false },
  AdamW: { ...adam(), decoupled_weight_decay: true },
  Adadelta: { maximize: false, capturable: false, foreach: null, differentiable: false },
};

function adam(): object {
  const off = { amsgrad: false, maximize: false, capturable: false, differentiable: false };
  return { ...off, foreach: null, fused: null };
}

/** Fields of O that are settings of a group, and what torch.optim calls them. */
const settings: Readonly<Record<string, string>> = {
  momentum: 'momentum',
  nesterov: 'nesterov',
  alpha: 'alpha',
  centered: 'centered',
  betas: 'betas',
  rho: 'rho',
  epsilon: 'eps',
};

/**
 * The optimizer of a run as torch.optim's state_dict describes it, with the names of parameters:
 * learning rates are those of the last finished epoch, `initial_lr` is what PyTorch's schedules
 * start from.
 * @param tensors of the checkpoint: without slots, no step has been taken
 */
export function torchOptimizer(
  model: Model,
  config: OptimizerConfig,
  { history, optimizer_steps }: TrainingState,
  tensors: Checkpoint['tensors'],
): OptimizerSettings {
  const rate = history.at(-1)?.learning_rate ?? config.learning_rate;
  const given = Object.entries(config).filter(([field]) => field in settings);
  const shared = Object.fromEntries(given.map(([field, value]) => [settings[field]!, value]));
  const groups = parameterGroups(model, config);
  const param_groups = groups.map(({ parameters, rateFactor, weightDecay }) => ({
    lr: rate * rateFactor,
    ...shared,
    weight_decay: weightDecay,
    ...constants[config.name],
    initial_lr: config.learning_rate * rateFactor,
    params: [...parameters.keys()],
  }));
  // SGD counts no steps.
  const counts = config.name !== 'SGD' && hasSlots(tensors);
  const names = counts ? param_groups.flatMap(({ params }) => params) : [];
  const state = Object.fromEntries(names.map((name) => [name, { step: optimizer_steps }]));
  return { param_groups, state };
}

function hasSlots(tensors: Checkpoint['tensors']): boolean {
  return [...tensors.keys()].some((name) => name.startsWith('optimizer.'));
}
