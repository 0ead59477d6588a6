import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors, type Checkpoint } from '../checkpoints/checkpoint.js';
import type { Batch, ImageLoader } from '../data/loader.js';
import { reject, RunError } from '../errors.js';
import type { Model } from '../models/model.js';
import { normalizeImages } from '../ops/normalize_images.js';
import type { OptimizerConfig, ScheduleConfig } from './config.js';
import { evaluateModel, readResult } from './evaluate.js';
import { averages, emptyTotals, type Averages } from './metrics.js';
import { Sgd } from './optimizer.js';
import { runPhase, type StepResult } from './phase.js';
import type { Progress } from './progress.js';
import { learningRate } from './schedule.js';
import { trainingStep } from './step.js';
import { captureTensors, restoreTensors } from './training_tensors.js';
import { readTrainingState, type EpochRecord, type TrainingState } from './training_state.js';

/** The run's loss is no number any more. */
export class DivergedError extends RunError {
  override readonly name = 'DivergedError';
}

export interface TrainerOptions {
  model: Model;
  optimizer: OptimizerConfig;
  schedule: ScheduleConfig;
  train: ImageLoader;
  valid: ImageLoader;
  classes: readonly string[];
  batchSize: number;
  imageSize: number;
  seed: number;
  /** Where `last.safetensors` and `best.safetensors` go; it must exist. */
  folder: string;
  progress: Progress;
  /** Ends the run after the current step, with a checkpoint. */
  signal?: AbortSignal;
}

export interface TrainingSummary {
  interrupted: boolean;
  best_top1: number;
  epochs: EpochRecord[];
  last: string;
  best: string;
}

/** Trains a model: epochs of training and validation, a schedule, checkpoints. */
export class Trainer {
  readonly last: string;
  readonly best: string;
  private readonly optimizer: Sgd;
  private state: TrainingState;

  constructor(private readonly options: TrainerOptions) {
    const { model, optimizer, folder, seed, batchSize, imageSize, classes } = options;
    this.last = path.join(folder, 'last.safetensors');
    this.best = path.join(folder, 'best.safetensors');
    this.optimizer = new Sgd(optimizer, model.variables);
    this.state = {
      model_name: model.name,
      last_epoch: -1,
      best_prec1: 0,
      step: 0,
      totals: emptyTotals(),
      seed,
      batch_size: batchSize,
      image_size: imageSize,
      classes: [...classes],
      history: [],
    };
  }

  /**
   * Continues from a checkpoint: weights, momentum, epoch, step and scores. The loaders must have
   * been made with its seed. Throws an InputError, naming `file`, where it does not fit this run.
   */
  resume(file: string, checkpoint: Checkpoint): void {
    const found = readTrainingState(file, checkpoint.metadata);
    requireSame(file, 'classes', this.state.classes, found.classes);
    requireSame(file, 'image_size', this.state.image_size, found.image_size);
    if (found.step > 0) requireSame(file, 'batch_size', this.state.batch_size, found.batch_size);
    restoreTensors(file, checkpoint.tensors, this.options.model, this.optimizer);
    this.state = { ...this.state, ...found };
  }

  /** Runs the epochs that are left, or until the signal. */
  async run(): Promise<TrainingSummary> {
    const { optimizer, signal } = this.options;
    while (!signal?.aborted && this.state.last_epoch + 1 < optimizer.epochs) await this.runEpoch();
    return {
      interrupted: signal?.aborted ?? false,
      best_top1: this.state.best_prec1,
      epochs: this.state.history,
      last: this.last,
      best: this.best,
    };
  }

  /** Frees the optimizer's tensors; the model stays. */
  dispose(): void {
    this.optimizer.dispose();
  }

  private async runEpoch(): Promise<void> {
    const { signal, optimizer, schedule } = this.options;
    const started = performance.now();
    const epoch = this.state.last_epoch + 1;
    const rate = learningRate(schedule, optimizer.learning_rate, epoch);
    const train = await this.trainEpoch(epoch, rate);
    const valid = signal?.aborted ? undefined : await this.validate(epoch);
    if (!valid || signal?.aborted) return this.save(this.last);
    const seconds = (performance.now() - started) / 1000;
    await this.finishEpoch({ epoch, learning_rate: rate, train, valid, seconds });
  }

  private async finishEpoch(record: EpochRecord): Promise<void> {
    const { history, last_epoch, best_prec1 } = this.state;
    const top1 = record.valid.top1;
    const isBest = last_epoch < 0 || top1 > best_prec1;
    this.state = {
      ...this.state,
      last_epoch: record.epoch,
      best_prec1: Math.max(top1, best_prec1),
      step: 0,
      totals: emptyTotals(),
      history: [...history, record],
    };
    await this.save(this.last);
    if (isBest) await this.save(this.best);
  }

  private async trainEpoch(epoch: number, rate: number): Promise<Averages> {
    const { train, optimizer, progress, signal } = this.options;
    const { step: firstStep, totals } = this.state;
    const step = (batch: Batch) => this.trainBatch(batch, epoch, rate);
    this.state.step = await runPhase(train.epoch(epoch, firstStep), step, {
      title: `train ${epoch + 1}/${optimizer.epochs}`,
      steps: train.steps,
      firstStep,
      totals,
      progress,
      signal,
    });
    return averages(totals);
  }

  private async trainBatch(batch: Batch, epoch: number, rate: number): Promise<StepResult> {
    const { model, imageSize } = this.options;
    const images = normalizeImages(batch.pixels, [batch.size, imageSize, imageSize, 3]);
    const labels = tf.tensor1d(batch.labels, 'int32');
    const { loss, logits } = trainingStep(model, this.optimizer, images, labels, rate);
    const result = await readResult(loss, logits, batch.labels);
    tf.dispose([images, labels, loss, logits]);
    if (!Number.isFinite(result.loss))
      throw new DivergedError(
        `the loss is ${result.loss} in epoch ${epoch + 1} at learning rate ${rate}; ` +
          `${this.last} still holds the state from before, if there was one`,
      );
    return result;
  }

  private async validate(epoch: number): Promise<Averages> {
    const { model, valid, optimizer, imageSize, progress, signal } = this.options;
    const title = `valid ${epoch + 1}/${optimizer.epochs}`;
    const found = await evaluateModel(model, valid, { title, imageSize, progress, signal });
    return { images: found.images, loss: found.loss, top1: found.top1, top5: found.top5 };
  }

  private async save(file: string): Promise<void> {
    const tensors = await captureTensors(this.options.model, this.optimizer);
    await writeSafetensors(file, { tensors, metadata: { ...this.state } });
  }
}

function requireSame(file: string, field: string, expected: unknown, found: unknown): void {
  if (found !== undefined && JSON.stringify(found) !== JSON.stringify(expected))
    reject(`${file}: ${field}`, `${JSON.stringify(expected)}, as in this run`, found);
}
