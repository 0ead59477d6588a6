import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../data/loader.js';
import type { Model } from '../models/model.js';
import { clipGradients } from '../ops/gradient_norm.js';
import { normalizeImages } from '../ops/normalize_images.js';
import { softmaxCrossEntropy, type MixedLabels } from '../ops/softmax_cross_entropy.js';
import { DivergedError } from './diverged_error.js';
import { readResult } from './evaluate.js';
import { MeanGradients } from './mean_gradients.js';
import { drawMix, mainLabels, type BatchMix } from './mixing.js';
import { createOptimizer, type Optimizer } from './optimizer.js';
import { parameterGroups } from './parameter_groups.js';
import type { StepResult } from './phase.js';
import type { RunConfiguration } from './run_configuration.js';
import { lossGradients } from './step.js';
import { WeightAverage } from './weight_average.js';

/** What changes when a model learns, and how: gradients of batches, then an update from them. */
export class Learner {
  readonly optimizer: Optimizer;
  /** Where the configuration asks for one. */
  readonly average: WeightAverage | undefined;
  private readonly gradients = new MeanGradients();

  constructor(
    readonly model: Model,
    private readonly configuration: Pick<RunConfiguration, 'data' | 'optimizer' | 'seed'>,
  ) {
    const { optimizer } = configuration;
    this.optimizer = createOptimizer(optimizer, parameterGroups(model, optimizer));
    if (optimizer.ema_decay > 0) this.average = new WeightAverage(model, optimizer.ema_decay);
  }

  /**
   * Adds the gradients of a batch to those of the next {@link update}.
   * @param number of the batch in its epoch, from 0
   */
  async learn(batch: Batch, epoch: number, number: number): Promise<StepResult> {
    const { data, optimizer, seed } = this.configuration;
    const { size, labels } = batch;
    const alphas = { mixup: data.mixup_alpha, cutmix: data.cutmix_alpha };
    const mix = drawMix(alphas, { seed, epoch, batch: number }, size, data.image_size);
    this.optimizer.prepare();
    const { gradients, loss, logits } = tf.tidy(() => {
      const shape: [number, number, number, number] = [size, data.image_size, data.image_size, 3];
      const targets = tf.tensor1d(labels, 'int32');
      const mixed = mix && mixedLabels(labels, mix);
      const labelSmoothing = optimizer.label_smoothing;
      const output = lossGradients(this.model, normalizeImages(batch.pixels, shape, mix), {
        parameters: [...this.optimizer.parameters.values()],
        frozenBackbone: optimizer.freeze_backbone,
        loss: (scores) => softmaxCrossEntropy(scores, targets, { labelSmoothing, mixed }),
      });
      return { ...output };
    });
    this.gradients.add(gradients, size);
    const result = await readResult(loss, logits, mainLabels(labels, mix));
    tf.dispose([loss, logits]);
    return result;
  }

  /**
   * Updates the model by the gradients of the batches since the last update.
   * @param step updates before this one
   */
  update(learningRate: number, step: number): void {
    const gradients = this.gradients.take();
    try {
      const scale = this.clippingScale(gradients, learningRate, step);
      this.optimizer.step(gradients, learningRate, scale);
    } finally {
      tf.dispose(gradients);
    }
    this.average?.update(step);
  }

  /** What the gradients are to be multiplied by; throws a DivergedError where their norm is no number. */
  private clippingScale(gradients: tf.NamedTensorMap, learningRate: number, step: number): number {
    const { clip_norm: maxNorm } = this.configuration.optimizer;
    if (maxNorm === 0) return 1;
    const { norm, scale } = clipGradients(Object.values(gradients), maxNorm);
    if (!Number.isFinite(norm))
      throw new DivergedError(
        `the norm of the gradients is ${norm} in step ${step + 1} at learning rate ${learningRate}`,
      );
    return scale;
  }

  /** Does something while the model has the averaged weights, if there are such. */
  withAveragedWeights<T>(work: () => Promise<T>): Promise<T> {
    return this.average ? this.average.applied(work) : work();
  }

  /** Frees all but the model. */
  dispose(): void {
    tf.dispose(this.gradients.take());
    this.optimizer.dispose();
    this.average?.dispose();
  }
}

function mixedLabels(labels: Int32Array, { partners, weight }: BatchMix): MixedLabels {
  const others = Int32Array.from(partners, (partner) => labels[partner]!);
  return {
    labels: tf.tensor1d(others, 'int32'),
    weights: tf.fill<tf.Rank.R1>([labels.length], weight),
  };
}
