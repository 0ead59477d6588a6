import * as tf from '@tensorflow/tfjs';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { Batch, ImageLoader } from '../data/loader.js';
import { reject, RunError } from '../errors.js';
import type { Model } from '../models/model.js';
import { normalizeImages } from '../ops/normalize_images.js';
import type { CheckpointStore } from './checkpoint_store.js';
import { evaluateModel, readResult, type Evaluation } from './evaluate.js';
import { averages, emptyTotals, type Averages } from './metrics.js';
import { combineObservers, type TrainingObserver } from './observer.js';
import { createOptimizer, type Optimizer } from './optimizer.js';
import { parameterGroups } from './parameter_groups.js';
import { runPhase, type StepResult } from './phase.js';
import type { Progress, StepReport } from './progress.js';
import { requireSameRun, type RunConfiguration } from './run_configuration.js';
import { learningRate } from './schedule.js';
import { trainingStep } from './step.js';
import { captureTensors, restoreTensors } from './training_tensors.js';
import { readTrainingState, type EpochRecord, type TrainingState } from './training_state.js';
import type { ValidationDetails } from './validation_details.js';

/** The run's loss is no number any more. */
export class DivergedError extends RunError {
  override readonly name = 'DivergedError';
}

export interface TrainerOptions {
  model: Model;
  configuration: RunConfiguration;
  train: ImageLoader;
  valid: ImageLoader;
  classes: readonly string[];
  store: CheckpointStore;
  /** Steps between checkpoints inside an epoch; 0 (the default): none but at its end. */
  saveEvery?: number;
  progress: Progress;
  /** Told what happens, in this order. */
  observers?: readonly TrainingObserver[];
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
  private readonly optimizer: Optimizer;
  private readonly observer: TrainingObserver;
  private state: TrainingState & { global_step: number };

  constructor(private readonly options: TrainerOptions) {
    const { model, configuration, classes } = options;
    const { data, optimizer, seed } = configuration;
    this.optimizer = createOptimizer(optimizer, parameterGroups(model, optimizer));
    this.observer = combineObservers(options.observers ?? []);
    this.state = {
      model_name: model.name,
      last_epoch: -1,
      best_prec1: 0,
      step: 0,
      global_step: 0,
      optimizer_steps: 0,
      totals: emptyTotals(),
      seed,
      batch_size: data.batch_size,
      image_size: data.image_size,
      classes: [...classes],
      history: [],
    };
  }

  /**
   * Continues from a checkpoint: weights, optimizer, epoch, step and scores. The loaders must have
   * been made with its seed. Throws an InputError, naming `file`, where it does not fit this run.
   */
  resume(file: string, checkpoint: Checkpoint): void {
    const found = readTrainingState(file, checkpoint.metadata);
    requireSameRun(file, this.options.configuration, checkpoint.metadata.configuration);
    requireSame(file, 'classes', this.state.classes, found.classes);
    requireSame(file, 'image_size', this.state.image_size, found.image_size);
    if (found.step > 0) requireSame(file, 'batch_size', this.state.batch_size, found.batch_size);
    const { model } = this.options;
    restoreTensors(file, checkpoint.tensors, model, this.optimizer, found.optimizer_steps);
    const done = (found.last_epoch + 1) * this.options.train.steps + found.step;
    this.state = { ...this.state, ...found, global_step: found.global_step ?? done };
  }

  /** Runs the epochs that are left, or until the signal. */
  async run(): Promise<TrainingSummary> {
    const { configuration, store, signal } = this.options;
    await this.announceStart();
    try {
      while (!signal?.aborted && this.state.last_epoch + 1 < configuration.optimizer.epochs)
        await this.runEpoch();
    } catch (error) {
      if (error instanceof DivergedError) await this.observer.end('diverged');
      throw error;
    }
    const interrupted = signal?.aborted ?? false;
    await this.observer.end(interrupted ? 'interrupted' : 'finished');
    return {
      interrupted,
      best_top1: this.state.best_prec1,
      epochs: this.state.history,
      last: store.last,
      best: store.best,
    };
  }

  /** Frees the optimizer's tensors; the model stays. */
  dispose(): void {
    this.optimizer.dispose();
  }

  private async announceStart(): Promise<void> {
    const { configuration, classes, train } = this.options;
    const { last_epoch, step, global_step, history } = this.state;
    const resumedAt = { epoch: last_epoch + 1, step, globalStep: global_step };
    const stepsPerEpoch = train.steps;
    await this.observer.start({ configuration, classes, stepsPerEpoch, resumedAt, history });
  }

  private async runEpoch(): Promise<void> {
    const { signal } = this.options;
    const started = performance.now();
    const epoch = this.state.last_epoch + 1;
    const train = await this.trainEpoch(epoch);
    const found = signal?.aborted ? undefined : await this.validate(epoch);
    if (!found || signal?.aborted) return this.saveLast();
    const { images, loss, top1, top5, details } = found;
    const valid = { images, loss, top1, top5 };
    const seconds = (performance.now() - started) / 1000;
    const rate = this.rateOf(epoch, this.options.train.steps - 1);
    await this.finishEpoch({ epoch, learning_rate: rate, train, valid, seconds }, details);
  }

  private async finishEpoch(
    record: EpochRecord,
    validation: ValidationDetails | undefined,
  ): Promise<void> {
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
    await this.observer.epoch({ record, validation, isBest });
    await this.options.store.saveEpoch(record.epoch, await this.checkpoint(), isBest);
  }

  private async trainEpoch(epoch: number): Promise<Averages> {
    const { train, configuration, progress, signal } = this.options;
    const { step: firstStep, totals } = this.state;
    const step = (batch: Batch) => this.trainBatch(batch, epoch);
    await runPhase(train.epoch(epoch, firstStep), step, {
      title: `train ${epoch + 1}/${configuration.optimizer.epochs}`,
      steps: train.steps,
      firstStep,
      totals,
      progress,
      onStep: (report) => this.finishStep(epoch, report),
      signal,
    });
    return averages(totals);
  }

  private async trainBatch(batch: Batch, epoch: number): Promise<StepResult> {
    const { model, configuration } = this.options;
    const { image_size } = configuration.data;
    const rate = this.rateOf(epoch, this.state.step);
    const images = normalizeImages(batch.pixels, [batch.size, image_size, image_size, 3]);
    const labels = tf.tensor1d(batch.labels, 'int32');
    const { loss, logits } = trainingStep(model, this.optimizer, images, labels, rate);
    const result = await readResult(loss, logits, batch.labels);
    tf.dispose([images, labels, loss, logits]);
    if (!Number.isFinite(result.loss))
      throw new DivergedError(
        `the loss is ${result.loss} in epoch ${epoch + 1} at learning rate ${rate}; ` +
          `${this.options.store.last} still holds the state from before, if there was one`,
      );
    return result;
  }

  private async finishStep(epoch: number, report: StepReport): Promise<void> {
    const { saveEvery = 0 } = this.options;
    const learningRate = this.rateOf(epoch, this.state.step);
    this.state.step = report.done;
    this.state.global_step++;
    const { done: step, loss, correct, images, milliseconds, waited } = report;
    const event = { epoch, step, globalStep: this.state.global_step, learningRate };
    this.observer.step({ ...event, loss, correct, images, milliseconds, waited });
    if (saveEvery > 0 && event.globalStep % saveEvery === 0) await this.saveLast();
  }

  /** The learning rate of step `step` of an epoch, both from 0. */
  private rateOf(epoch: number, step: number): number {
    const { configuration, train } = this.options;
    const { schedule, optimizer } = configuration;
    return learningRate(schedule, optimizer.learning_rate, epoch, step / train.steps);
  }

  private validate(epoch: number): Promise<Evaluation> {
    const { model, valid, configuration, progress, signal } = this.options;
    const { data, optimizer } = configuration;
    const title = `valid ${epoch + 1}/${optimizer.epochs}`;
    const details = (this.options.observers ?? []).length > 0;
    const options = { title, imageSize: data.image_size, progress, details, signal };
    return evaluateModel(model, valid, options);
  }

  private async saveLast(): Promise<void> {
    await this.options.store.saveLast(await this.checkpoint());
  }

  private async checkpoint(): Promise<Checkpoint> {
    const { model, configuration } = this.options;
    const tensors = await captureTensors(model, this.optimizer);
    const metadata = { ...this.state, optimizer_steps: this.optimizer.stepCount, configuration };
    return { tensors, metadata };
  }
}

function requireSame(file: string, field: string, expected: unknown, found: unknown): void {
  if (found !== undefined && JSON.stringify(found) !== JSON.stringify(expected))
    reject(`${file}: ${field}`, `${JSON.stringify(expected)}, as in this run`, found);
}
