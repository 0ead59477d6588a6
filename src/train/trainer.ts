import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { ImageLoader } from '../data/loader.js';
import type { Model } from '../models/model.js';
import type { CheckpointStore } from './checkpoint_store.js';
import { DivergedError } from './diverged_error.js';
import { evaluateModel, type Evaluation } from './evaluate.js';
import { Learner } from './learner.js';
import { averages, type Averages } from './metrics.js';
import { combineObservers, type TrainingObserver } from './observer.js';
import { runPhase, type StepResult } from './phase.js';
import type { Progress, StepReport } from './progress.js';
import type { RunConfiguration } from './run_configuration.js';
import { RunState } from './run_state.js';
import { learningRate } from './schedule.js';
import { captureTensors, restoreTensors } from './training_tensors.js';
import type { EpochRecord } from './training_state.js';
import { uploadAhead, type ReadyBatch } from './upload.js';
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
  private readonly observer: Required<TrainingObserver>;
  private readonly state: RunState;
  /** Updates of the weights in an epoch. */
  private readonly stepsPerEpoch: number;
  /** Whether the last step updated the weights. */
  private stepTaken = true;

  constructor(private readonly options: TrainerOptions) {
    const { model, configuration, classes, train, observers = [] } = options;
    this.learner = new Learner(model, configuration);
    this.observer = combineObservers(observers);
    this.stepsPerEpoch = Math.ceil(train.steps / configuration.optimizer.accumulate_steps);
    this.state = new RunState(configuration, model.name, classes, {
      images: train.images,
      steps: this.stepsPerEpoch,
    });
  }

  /**
   * Continues from a checkpoint: weights, optimizer, epoch, step and scores. The loaders must have
   * been made with its seed. Throws an InputError, naming `file`, where it does not fit this run.
   */
  resume(file: string, { tensors, metadata }: Checkpoint): void {
    const { optimizer_steps, loss_scale } = this.state.resume(file, metadata);
    restoreTensors(file, tensors, this.learner, optimizer_steps);
    if (loss_scale) this.learner.lossScale?.restore(loss_scale);
  }

  /** Runs the epochs that are left, or until the signal. */
  async run(): Promise<TrainingSummary> {
    const { store, signal } = this.options;
    try {
      await this.announceStart();
      while (!signal?.aborted && this.state.goesOn) await this.runEpoch();
    } catch (error) {
      await this.announceFailure(error);
      throw error;
    }
    const interrupted = signal?.aborted ?? false;
    const stoppedEarly = !interrupted && this.state.stopsEarly;
    await this.observer.end(
      interrupted ? 'interrupted' : stoppedEarly ? 'stopped early' : 'finished',
    );
    return {
      interrupted,
      stopped_early: stoppedEarly,
      best_top1: this.state.bestTop1,
      epochs: this.state.history,
      last: store.last,
      best: store.best,
    };
  }

  /** Frees all tensors but the model's. */
  dispose(): void {
    this.learner.dispose();
  }

  private async announceStart(): Promise<void> {
    const { configuration, classes } = this.options;
    const { position: resumedAt, history } = this.state;
    const { stepsPerEpoch } = this;
    await this.observer.start({ configuration, classes, stepsPerEpoch, resumedAt, history });
  }

  /** What cannot be announced must not hide why the run failed. */
  private async announceFailure(error: unknown): Promise<void> {
    const outcome = error instanceof DivergedError ? 'diverged' : 'failed';
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    await this.observer.end(outcome, reason).catch(() => undefined);
  }

  private async runEpoch(): Promise<void> {
    const { signal } = this.options;
    const started = performance.now();
    const { epoch } = this.state.position;
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
    const isBest = this.state.finishEpoch(record);
    await this.observer.epoch({ record, validation, isBest });
    const last = await this.checkpoint();
    const best = isBest ? await this.bestCheckpoint(last) : undefined;
    await this.observer.flush();
    await this.options.store.saveEpoch(record.epoch, last, best);
  }

  private async trainEpoch(epoch: number): Promise<Averages> {
    const { train, configuration, progress, signal } = this.options;
    const { totals } = this.state;
    const { step: firstStep } = this.state.position;
    const { accumulate_steps: batchesPerStep, epochs } = configuration.optimizer;
    const { image_size } = configuration.data;
    const batches = uploadAhead(train.epoch(epoch, firstStep * batchesPerStep), image_size);
    await runPhase(batches, (batch, number) => this.trainBatch(batch, epoch, number), {
      title: `train ${epoch + 1}/${epochs}`,
      steps: this.stepsPerEpoch,
      firstStep,
      batchesPerStep,
      totals,
      progress,
      finishStep: () => this.update(epoch),
      onStep: (report) => this.finishStep(epoch, report),
      signal,
    });
    return averages(totals);
  }

  private update(epoch: number): void {
    const { step, globalStep } = this.state.position;
    const scale = this.learner.lossScale?.scale;
    this.stepTaken = this.learner.update(this.rateOf(epoch, step), globalStep);
    if (!this.stepTaken)
      this.options.progress.note(
        `step ${globalStep + 1} skipped: gradients overflow with the loss scaled by ${scale}`,
      );
  }

  private async trainBatch(batch: ReadyBatch, epoch: number, number: number): Promise<StepResult> {
    const result = await this.learner.learn(batch, epoch, number);
    this.requireNumber('loss', result.loss, epoch);
    return result;
  }

  private requireNumber(what: string, loss: number, epoch: number): void {
    if (Number.isFinite(loss)) return;
    const rate = this.rateOf(epoch, this.state.position.step);
    throw new DivergedError(
      `the ${what} is ${loss} in epoch ${epoch + 1} at learning rate ${rate}; ` +
        `${this.options.store.last} still holds the state from before, if there was one`,
    );
  }

  private async finishStep(epoch: number, report: StepReport): Promise<void> {
    const { saveEvery = 0 } = this.options;
    const learningRate = this.rateOf(epoch, this.state.position.step);
    this.state.finishStep(report.done);
    const { globalStep } = this.state.position;
    const { done: step, loss, correct, images, milliseconds, waited } = report;
    const event = { epoch, step, globalStep, learningRate };
    const measured = { loss, correct, images, milliseconds, waited };
    const scale = this.learner.lossScale?.scale;
    const lossScaling = scale && { lossScaling: { scale, skipped: !this.stepTaken } };
    this.observer.step({ ...event, ...measured, ...lossScaling });
    if (saveEvery > 0 && globalStep % saveEvery === 0) await this.saveLast();
  }

  /** The learning rate of step `step` of an epoch, both from 0. */
  private rateOf(epoch: number, step: number): number {
    const { schedule, optimizer } = this.options.configuration;
    return learningRate(schedule, optimizer.learning_rate, epoch, step / this.stepsPerEpoch);
  }

  private async validate(epoch: number): Promise<Evaluation> {
    const { model, valid, configuration, progress, signal } = this.options;
    const { data, optimizer } = configuration;
    const title = `valid ${epoch + 1}/${optimizer.epochs}`;
    const details = (this.options.observers ?? []).length > 0;
    const { precision } = optimizer;
    const options = { title, imageSize: data.image_size, precision, progress, details, signal };
    const found = await this.learner.withAveragedWeights(() =>
      evaluateModel(model, valid, options),
    );
    if (!signal?.aborted) this.requireNumber('validation loss', found.loss, epoch);
    return found;
  }

  private async saveLast(): Promise<void> {
    const checkpoint = await this.checkpoint();
    await this.observer.flush();
    await this.options.store.saveLast(checkpoint);
  }

  private async checkpoint(): Promise<Checkpoint> {
    const tensors = await captureTensors(this.learner);
    const { optimizer, lossScale } = this.learner;
    const steps = { optimizer_steps: optimizer.stepCount, loss_scale: lossScale?.state };
    return { tensors, metadata: this.state.metadata(steps) };
  }

  /** With the weights that were validated: the average's, where there is one. */
  private async bestCheckpoint(last: Checkpoint): Promise<Checkpoint> {
    const { model, optimizer, average } = this.learner;
    if (!average) return last;
    const tensors = await average.applied(() => captureTensors({ model, optimizer }));
    return { ...last, tensors };
  }
}
