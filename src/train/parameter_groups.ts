import type { Model } from '../models/model.js';
import type { ParameterGroup } from './optimizer.js';
import type { OptimizerConfig } from './optimizer_config.js';

/** A model's trainable variables as its optimizer configuration groups them. */
export function parameterGroups(
  model: Model,
  config: Pick<OptimizerConfig, 'weight_decay'>,
): ParameterGroup[] {
  const trainable = [...model.variables].filter(([, variable]) => variable.trainable);
  return [{ parameters: new Map(trainable), rateFactor: 1, weightDecay: config.weight_decay }];
}
