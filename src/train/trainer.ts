import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { Batch, ImageLoader } from '../data/loader.js';
import { reject } from '../errors.js';
import type { Model } from '../models/model.js';
import type { CheckpointStore } from './checkpoint_store.js';
import { DivergedError } from './diverged_error.js';
import { epochsWithoutImprovement } from './early_stopping.js';
import { evaluateModel, type Evaluation } from './evaluate.js';
import { Learner } from './learner.js';
import { averages, emptyTotals, type Averages } from './metrics.js';
import { combineObservers, type TrainingObserver } from './observer.js';
import { runPhase, type StepResult } from './phase.js';
import type { Progress, StepReport } from './progress.js';
import { requireSameRun, type RunConfiguration } from './run_configuration.js';
import { learningRate } from './schedule.js';
import { captureTensors, restoreTensors } from './training_tensors.js';
import { readTrainingState, type EpochRecord, type TrainingState } from './training_state.js';
import type { ValidationDetails } from './validation_details.js';

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
  /** Whether validation had not improved for as many epochs as the configuration allows. */
  stopped_early: boolean;
  best_top1: number;
  epochs: EpochRecord[];
  last: string;
  best: string;
}

/** Trains a model: epochs of training and validation, a schedule, checkpoints. */
export class Trainer {
  private readonly learner: Learner;
  private readonly observer: TrainingObserver;
  private state: TrainingState & { global_step: number };

  constructor(private readonly options: TrainerOptions) {
    const { model, configuration, classes } = options;
    const { data, seed } = configuration;
    this.learner = new Learner(model, configuration);
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
    restoreTensors(file, checkpoint.tensors, this.learner, found.optimizer_steps);
    const done = (found.last_epoch + 1) * this.stepsPerEpoch + found.step;
    this.state = { ...this.state, ...found, global_step: found.global_step ?? done };
  }

  /** Runs the epochs that are left, or until the signal. */
  async run(): Promise<TrainingSummary> {
    const { store, signal } = this.options;
    await this.announceStart();
    try {
      while (!signal?.aborted && this.goesOn) await this.runEpoch();
    } catch (error) {
      if (error instanceof DivergedError) await this.observer.end('diverged');
      throw error;
    }
    const interrupted = signal?.aborted ?? false;
    const stoppedEarly = !interrupted && this.stopsEarly;
    await this.observer.end(
      interrupted ? 'interrupted' : stoppedEarly ? 'stopped early' : 'finished',
    );
    return {
      interrupted,
      stopped_early: stoppedEarly,
      best_top1: this.state.best_prec1,
      epochs: this.state.history,
      last: store.last,
      best: store.best,
    };
  }

  /** Frees all tensors but the model's. */
  dispose(): void {
    this.learner.dispose();
  }

  /** Updates of the weights in an epoch. */
  private get stepsPerEpoch(): number {
    const { train, configuration } = this.options;
    return Math.ceil(train.steps / configuration.optimizer.accumulate_steps);
  }

  private get goesOn(): boolean {
    const { epochs } = this.options.configuration.optimizer;
    return this.state.last_epoch + 1 < epochs && !this.stopsEarly;
  }

  private get stopsEarly(): boolean {
    const { early_stopping_epochs: patience } = this.options.configuration.optimizer;
    return patience > 0 && epochsWithoutImprovement(this.state.history) >= patience;
  }

  private async announceStart(): Promise<void> {
    const { configuration, classes } = this.options;
    const { stepsPerEpoch } = this;
    const { last_epoch, step, global_step, history } = this.state;
    const resumedAt = { epoch: last_epoch + 1, step, globalStep: global_step };
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
    const rate = this.rateOf(epoch, this.stepsPerEpoch - 1);
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
    const last = await this.checkpoint();
    const best = isBest ? await this.bestCheckpoint(last) : undefined;
    await this.options.store.saveEpoch(record.epoch, last, best);
  }

  private async trainEpoch(epoch: number): Promise<Averages> {
    const { train, configuration, progress, signal } = this.options;
    const { step: firstStep, totals } = this.state;
    const { accumulate_steps: batchesPerStep, epochs } = configuration.optimizer;
    const batches = train.epoch(epoch, firstStep * batchesPerStep);
    await runPhase(batches, (batch, number) => this.trainBatch(batch, epoch, number), {
      title: `train ${epoch + 1}/${epochs}`,
      steps: this.stepsPerEpoch,
      firstStep,
      batchesPerStep,
      totals,
      progress,
      finishStep: () => {
        const { step, global_step } = this.state;
        this.learner.update(this.rateOf(epoch, step), global_step);
      },
      onStep: (report) => this.finishStep(epoch, report),
      signal,
    });
    return averages(totals);
  }

  private async trainBatch(batch: Batch, epoch: number, number: number): Promise<StepResult> {
    const result = await this.learner.learn(batch, epoch, number);
    if (!Number.isFinite(result.loss)) {
      const rate = this.rateOf(epoch, this.state.step);
      throw new DivergedError(
        `the loss is ${result.loss} in epoch ${epoch + 1} at learning rate ${rate}; ` +
          `${this.options.store.last} still holds the state from before, if there was one`,
      );
    }
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
    const { schedule, optimizer } = this.options.configuration;
    return learningRate(schedule, optimizer.learning_rate, epoch, step / this.stepsPerEpoch);
  }

  private validate(epoch: number): Promise<Evaluation> {
    const { model, valid, configuration, progress, signal } = this.options;
    const { data, optimizer } = configuration;
    const title = `valid ${epoch + 1}/${optimizer.epochs}`;
    const details = (this.options.observers ?? []).length > 0;
    const options = { title, imageSize: data.image_size, progress, details, signal };
    return this.learner.withAveragedWeights(() => evaluateModel(model, valid, options));
  }

  private async saveLast(): Promise<void> {
    await this.options.store.saveLast(await this.checkpoint());
  }

  private async checkpoint(): Promise<Checkpoint> {
    const tensors = await captureTensors(this.learner);
    const { stepCount: optimizer_steps } = this.learner.optimizer;
    const { configuration } = this.options;
    return { tensors, metadata: { ...this.state, optimizer_steps, configuration } };
  }

  /** With the weights that were validated: the average's, where there is one. */
  private async bestCheckpoint(last: Checkpoint): Promise<Checkpoint> {
    const { model, optimizer, average } = this.learner;
    if (!average) return last;
    const tensors = await average.applied(() => captureTensors({ model, optimizer }));
    return { ...last, tensors };
  }
}

function requireSame(file: string, field: string, expected: unknown, found: unknown): void {
  if (found !== undefined && JSON.stringify(found) !== JSON.stringify(expected))
    reject(`${file}: ${field}`, `${JSON.stringify(expected)}, as in this run`, found);
}
