import * as tf from '@tensorflow/tfjs';
import type { Model } from '../models/model.js';
import { blendUpdate } from '../ops/blend_update.js';

/**
 * The exponential moving average of a model's state, running statistics included. Averages of few
 * steps forget faster, so that the initial weights do not linger: step t, counted from 0, keeps
 * the share min(decay, (1 + t) / (10 + t)).
 */
export class WeightAverage {
  /** In tfjs layout, by published name. */
  readonly values: ReadonlyMap<string, tf.Variable>;

  /** Begins with the model's state as it is. */
  constructor(
    private readonly model: Model,
    private readonly decay: number,
  ) {
    const copies = [...model.variables].map(([name, variable]) => {
      const value = tf.clone(variable);
      const copy = tf.variable(value, false);
      value.dispose();
      return [name, copy] as const;
    });
    this.values = new Map(copies);
  }

  /** Takes the model's state in, after step `step`, counted from 0. */
  update(step: number): void {
    const keep = Math.min(this.decay, (1 + step) / (10 + step));
    const state = [...this.model.variables.values()];
    blendUpdate([...this.values.values()], state, { keep, share: 1 - keep });
  }

  /** Begins anew with the model's state. */
  reset(): void {
    for (const [name, value] of this.values) value.assign(this.model.variables.get(name)!);
  }

  /** Does something while the model's state is the average. */
  async applied<T>(work: () => Promise<T>): Promise<T> {
    this.swap();
    try {
      return await work();
    } finally {
      this.swap();
    }
  }

  dispose(): void {
    for (const value of this.values.values()) value.dispose();
  }

  private swap(): void {
    for (const [name, value] of this.values) {
      const variable = this.model.variables.get(name)!;
      const current = tf.clone(variable);
      variable.assign(value);
      value.assign(current);
      current.dispose();
    }
  }
}
