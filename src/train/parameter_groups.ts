import type * as tf from '@tensorflow/tfjs';
import type { StateEntry } from '../models/block.js';
import type { Model } from '../models/model.js';
import type { ParameterGroup } from './optimizer.js';
import type { OptimizerConfig } from './optimizer_config.js';

type Grouping = Pick<OptimizerConfig, 'weight_decay'> &
  Partial<Pick<OptimizerConfig, 'weight_decay_norms' | 'backbone_rate_factor' | 'freeze_backbone'>>;

/**
 * What is trained of a model, grouped by what is done with it: the backbone has a learning rate
 * factor or is left out, norms and biases may go without weight decay.
 */
export function parameterGroups(model: Model, config: Grouping): ParameterGroup[] {
  const { weight_decay, weight_decay_norms = true } = config;
  const { backbone_rate_factor = 1, freeze_backbone = false } = config;
  const classifier = new Set(model.classifierEntries.map(({ name }) => name));
  const groups = new Map<string, ParameterGroup & { parameters: Map<string, tf.Variable> }>();
  for (const entry of model.entries) {
    const variable = model.variables.get(entry.name)!;
    const isBackbone = !classifier.has(entry.name);
    if (!variable.trainable || (isBackbone && freeze_backbone)) continue;
    const rateFactor = isBackbone ? backbone_rate_factor : 1;
    const weightDecay = weight_decay_norms || isWeight(entry) ? weight_decay : 0;
    const key = `${rateFactor} ${weightDecay}`;
    const group = groups.get(key) ?? { parameters: new Map(), rateFactor, weightDecay };
    group.parameters.set(entry.name, variable);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Whether an entry multiplies activations of several channels: no norm's scale and no bias. */
function isWeight({ role }: StateEntry): boolean {
  return role === 'conv' || role === 'depthwise' || role === 'linear';
}
