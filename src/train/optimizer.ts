import * as tf from '@tensorflow/tfjs';
import type { UpdateRuleConfig } from './optimizer_config.js';
import { createUpdateRule, type UpdateRule } from './update_rule.js';

/** Parameters that share their settings: one native call per step updates all of them. */
export interface ParameterGroup {
  /** By published name. */
  parameters: ReadonlyMap<string, tf.Variable>;
  /** What the learning rate is multiplied by. */
  rateFactor: number;
  weightDecay: number;
}

/** Updates parameters in place, step by step, as the optimizer of a configuration does it. */
export class Optimizer {
  /** What it updates, by published name: the groups end to end. */
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  /** What it keeps for each parameter, by slot and parameter name; see {@link prepare}. */
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, tf.Variable>>;
  private readonly buffers: Map<string, Map<string, tf.Variable>>;
  private steps = 0;

  constructor(
    private readonly rule: UpdateRule,
    private readonly groups: readonly ParameterGroup[],
  ) {
    this.parameters = new Map(groups.flatMap(({ parameters }) => [...parameters]));
    this.buffers = new Map(rule.slots.map((slot) => [slot, new Map<string, tf.Variable>()]));
    this.slots = this.buffers;
  }

  /** Steps taken, those before a {@link resume} included. */
  get stepCount(): number {
    return this.steps;
  }

  /**
   * Updates every parameter in place.
   * @param gradients keyed by the variables' own names, as tf.variableGrads has them
   * @param gradientScale what gradients are multiplied by first, as clipping wants it
   */
  step(gradients: tf.NamedTensorMap, learningRate: number, gradientScale = 1): void {
    this.prepare();
    this.steps++;
    for (const { parameters, rateFactor, weightDecay } of this.groups) {
      const variables = [...parameters.values()];
      this.rule.update(
        {
          parameters: variables,
          gradients: variables.map(({ name }) => gradients[name] as tf.Tensor),
          slots: this.slotsOf(parameters),
        },
        { learningRate: learningRate * rateFactor, weightDecay, gradientScale, step: this.steps },
      );
    }
  }

  /** Makes the slots, of zeros, where there are none: before the step that needs memory most. */
  prepare(): void {
    for (const buffers of this.buffers.values()) {
      if (buffers.size > 0) continue;
      for (const [name, parameter] of this.parameters) {
        const zeros = tf.zerosLike(parameter);
        buffers.set(name, tf.variable(zeros, false));
        zeros.dispose();
      }
    }
  }

  /** Goes on after this many steps; whoever calls it fills the {@link slots}. */
  resume(stepCount: number): void {
    this.prepare();
    this.steps = stepCount;
  }

  /** Frees the slots; the parameters stay. */
  dispose(): void {
    for (const buffers of this.buffers.values()) {
      buffers.forEach((buffer) => buffer.dispose());
      buffers.clear();
    }
  }

  private slotsOf(parameters: ReadonlyMap<string, tf.Variable>): Record<string, tf.Variable[]> {
    const names = [...parameters.keys()];
    const slots = [...this.buffers].map(([slot, buffers]) => {
      return [slot, names.map((name) => buffers.get(name)!)] as const;
    });
    return Object.fromEntries(slots);
  }
}

/** The optimizer that a configuration names, over groups that share no parameter. */
export function createOptimizer(
  config: UpdateRuleConfig,
  groups: readonly ParameterGroup[],
): Optimizer {
  return new Optimizer(createUpdateRule(config), groups);
}
