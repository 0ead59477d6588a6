import * as tf from '@tensorflow/tfjs';
import type { Model } from '../models/model.js';
import { clippingScale } from '../ops/gradient_norm.js';
import { normalizeImages } from '../ops/normalize_images.js';
import { softmaxCrossEntropy, type MixedLabels } from '../ops/softmax_cross_entropy.js';
import { checkPrecision } from '../precision.js';
import { DivergedError } from './diverged_error.js';
import { readResult } from './evaluate.js';
import { LossScale } from './loss_scale.js';
import { MeanGradients } from './mean_gradients.js';
import { drawMix, mainLabels, type BatchMix } from './mixing.js';
import { createOptimizer, type Optimizer } from './optimizer.js';
import { parameterGroups } from './parameter_groups.js';
import type { StepResult } from './phase.js';
import type { RunConfiguration } from './run_configuration.js';
import { lossGradients } from './step.js';
import type { ReadyBatch } from './upload.js';
import { WeightAverage } from './weight_average.js';

/** What changes when a model learns, and how: gradients of batches, then an update from them. */
export class Learner {
  readonly optimizer: Optimizer;
  /** Where the configuration asks for one. */
  readonly average: WeightAverage | undefined;
  /** In fp16. */
  readonly lossScale: LossScale | undefined;
  private readonly gradients = new MeanGradients();
  /** Of the gradients as they are, times the loss scale; where something depends on it. */
  private norm: number | undefined;

  constructor(
    readonly model: Model,
    private readonly configuration: Pick<RunConfiguration, 'data' | 'optimizer' | 'seed'>,
  ) {
    const { optimizer } = configuration;
    checkPrecision('field precision', optimizer.precision);
    this.optimizer = createOptimizer(optimizer, parameterGroups(model, optimizer));
    if (optimizer.ema_decay > 0) this.average = new WeightAverage(model, optimizer.ema_decay);
    if (optimizer.precision === 'fp16') this.lossScale = new LossScale();
  }

  /**
   * Adds the gradients of a batch to those of the next {@link update}.
   * @param number of the batch in its epoch, from 0
   */
  async learn(batch: ReadyBatch, epoch: number, number: number): Promise<StepResult> {
    const { data, seed } = this.configuration;
    const { size, labels } = batch;
    const alphas = { mixup: data.mixup_alpha, cutmix: data.cutmix_alpha };
    const mix = drawMix(alphas, { seed, epoch, batch: number }, size, data.image_size);
    this.optimizer.prepare();
    const { gradients, loss, logits } = this.differentiate(batch, mix);
    this.gradients.add(gradients, size);
    const norm = this.needsNorm ? this.gradients.norm() : undefined;
    const [result, norms] = await Promise.all([
      readResult(loss, logits, mainLabels(labels, mix)),
      norm?.data(),
    ]);
    this.norm = norms?.[0];
    tf.dispose([loss, logits, ...(norm ? [norm] : [])]);
    return result;
  }

  /**
   * Updates the model by the gradients of the batches since the last update. Where the loss was
   * scaled by so much that they overflowed, the model stays as it is.
   * @param step updates before this one
   * @returns whether the model was updated
   * @throws DivergedError where the norm of the gradients is no number for another reason
   */
  update(learningRate: number, step: number): boolean {
    const gradients = this.gradients.take();
    try {
      const scale = this.gradientScale();
      if (!Number.isFinite(scale)) {
        this.skip(learningRate, step);
        return false;
      }
      this.optimizer.step(gradients, learningRate, scale);
    } finally {
      tf.dispose(gradients);
    }
    this.lossScale?.grow();
    this.average?.update(step);
    return true;
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

  private get needsNorm(): boolean {
    return this.lossScale !== undefined || this.configuration.optimizer.clip_norm > 0;
  }

  /** Forward and backward; the caller disposes what it returns. */
  private differentiate({ pixels, size, labels }: ReadyBatch, mix: BatchMix | undefined) {
    const { data, optimizer } = this.configuration;
    const { label_smoothing: labelSmoothing, precision, freeze_backbone } = optimizer;
    return tf.tidy(() => {
      const shape: [number, number, number, number] = [size, data.image_size, data.image_size, 3];
      const targets = tf.tensor1d(labels, 'int32');
      const mixed = mix && mixedLabels(labels, mix);
      const output = lossGradients(this.model, normalizeImages(pixels, shape, mix), {
        parameters: [...this.optimizer.parameters.values()],
        frozenBackbone: freeze_backbone,
        precision,
        lossScale: this.lossScale && tf.scalar(this.lossScale.scale),
        loss: (scores) => softmaxCrossEntropy(scores, targets, { labelSmoothing, mixed }),
      });
      return { ...output };
    });
  }

  /** What the update multiplies gradients by: undoes the loss's scale, and clips. */
  private gradientScale(): number {
    const { clip_norm: maxNorm } = this.configuration.optimizer;
    const unscaling = 1 / (this.lossScale?.scale ?? 1);
    if (this.norm === undefined) return unscaling;
    if (!Number.isFinite(this.norm)) return NaN;
    return maxNorm === 0 ? unscaling : unscaling * clippingScale(this.norm * unscaling, maxNorm);
  }

  /** Leaves a step out whose gradients are not finite. */
  private skip(learningRate: number, step: number): void {
    if (this.lossScale === undefined || this.lossScale.isLeast)
      throw new DivergedError(
        `the norm of the gradients is ${this.norm} in step ${step + 1} at learning rate ${learningRate}`,
      );
    this.lossScale.shrink();
  }
}

function mixedLabels(labels: Int32Array, { partners, weight }: BatchMix): MixedLabels {
  const others = Int32Array.from(partners, (partner) => labels[partner]!);
  return {
    labels: tf.tensor1d(others, 'int32'),
    weights: tf.fill<tf.Rank.R1>([labels.length], weight),
  };
}
