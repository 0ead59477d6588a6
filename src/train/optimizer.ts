import * as tf from '@tensorflow/tfjs';
import { sgdUpdate } from '../ops/sgd_update.js';
import type { OptimizerConfig } from './config.js';

/** Stochastic gradient descent over a model's trainable variables, as torch.optim.SGD does it. */
export class Sgd {
  /** The variables it updates, by published name. */
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  /** Momentum buffers by parameter name; empty without momentum and before the first step's {@link prepare}. */
  readonly momentum = new Map<string, tf.Variable>();
  private stepped = false;

  constructor(
    private readonly config: OptimizerConfig,
    variables: ReadonlyMap<string, tf.Variable>,
  ) {
    this.parameters = new Map([...variables].filter(([, variable]) => variable.trainable));
  }

  get usesMomentum(): boolean {
    return this.config.momentum > 0;
  }

  /** Updates every parameter in place. `gradients` are keyed by variable, as tf.variableGrads has them. */
  step(gradients: tf.NamedTensorMap, learningRate: number): void {
    const { momentum, weight_decay: weightDecay, nesterov } = this.config;
    this.prepare();
    const parameters = [...this.parameters.values()];
    sgdUpdate(
      parameters,
      parameters.map((parameter) => gradients[parameter.name] as tf.Tensor),
      [...this.momentum.values()],
      { learningRate, momentum, weightDecay, nesterov, firstStep: !this.stepped },
    );
    this.stepped = true;
  }

  /** Makes the momentum buffers where there are none: before the step that needs memory most. */
  prepare(): void {
    if (!this.usesMomentum || this.momentum.size > 0) return;
    for (const [name, parameter] of this.parameters) {
      const zeros = tf.zerosLike(parameter);
      this.momentum.set(name, tf.variable(zeros, false));
      zeros.dispose();
    }
  }

  /** The momentum buffers of a run that goes on, to be filled. */
  resume(): ReadonlyMap<string, tf.Variable> {
    this.prepare();
    this.stepped = true;
    return this.momentum;
  }

  dispose(): void {
    this.momentum.forEach((buffer) => buffer.dispose());
    this.momentum.clear();
  }
}
