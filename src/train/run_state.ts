import { reject } from '../errors.js';
import { epochsWithoutImprovement } from './early_stopping.js';
import { emptyTotals, type Totals } from './metrics.js';
import type { Position } from './observer.js';
import { requireSameRun, type RunConfiguration } from './run_configuration.js';
import { readTrainingState, type EpochRecord, type TrainingState } from './training_state.js';

/** How far an optimizer is, besides its slots. */
export type OptimizerProgress = Pick<TrainingState, 'optimizer_steps' | 'loss_scale'>;

/** How far a run is, and what it has reached: what a checkpoint holds besides tensors. */
export class RunState {
  private state: TrainingState & { global_step: number };

  constructor(
    private readonly configuration: RunConfiguration,
    modelName: string,
    classes: readonly string[],
    /** What an epoch is made of. */
    private readonly epoch: { images: number; steps: number },
  ) {
    const { data, seed } = configuration;
    this.state = {
      model_name: modelName,
      last_epoch: -1,
      best_prec1: 0,
      step: 0,
      global_step: 0,
      optimizer_steps: 0,
      totals: emptyTotals(),
      seed,
      batch_size: data.batch_size,
      train_images: epoch.images,
      image_size: data.image_size,
      classes: [...classes],
      history: [],
    };
  }

  /** The epoch and step that come next, from 0. */
  get position(): Position {
    const { last_epoch, step, global_step } = this.state;
    return { epoch: last_epoch + 1, step, globalStep: global_step };
  }

  /** Of the epoch that runs; its steps add to them. */
  get totals(): Totals {
    return this.state.totals;
  }

  get history(): EpochRecord[] {
    return this.state.history;
  }

  get bestTop1(): number {
    return this.state.best_prec1;
  }

  /** Whether validation has not improved for as many epochs as the configuration allows. */
  get stopsEarly(): boolean {
    const { early_stopping_epochs: patience } = this.configuration.optimizer;
    return patience > 0 && epochsWithoutImprovement(this.history) >= patience;
  }

  /** Whether there are epochs left. */
  get goesOn(): boolean {
    return this.position.epoch < this.configuration.optimizer.epochs && !this.stopsEarly;
  }

  /**
   * Goes on from a checkpoint's metadata; returns what the optimizer had reached. Throws an
   * InputError, naming `file`, where it is of another run.
   */
  resume(file: string, metadata: Record<string, unknown>): OptimizerProgress {
    const found = readTrainingState(file, metadata);
    const { classes, image_size, batch_size, train_images } = this.state;
    requireSameRun(file, this.configuration, metadata.configuration);
    requireSame(file, 'classes', classes, found.classes);
    requireSame(file, 'image_size', image_size, found.image_size);
    if (found.step > 0) {
      requireSame(file, 'batch_size', batch_size, found.batch_size);
      requireSame(file, 'train_images', train_images, found.train_images);
    }
    const done = (found.last_epoch + 1) * this.epoch.steps + found.step;
    const global_step = found.global_step ?? done;
    this.state = { ...this.state, ...found, batch_size, train_images, global_step };
    const { optimizer_steps, loss_scale } = found;
    return { optimizer_steps, loss_scale };
  }

  /** @param done steps of the epoch that are done now */
  finishStep(done: number): void {
    this.state.step = done;
    this.state.global_step++;
  }

  /** Returns whether the epoch is the best so far. */
  finishEpoch(record: EpochRecord): boolean {
    const { history, last_epoch, best_prec1 } = this.state;
    const { top1 } = record.valid;
    this.state = {
      ...this.state,
      last_epoch: record.epoch,
      best_prec1: Math.max(top1, best_prec1),
      step: 0,
      totals: emptyTotals(),
      history: [...history, record],
    };
    return last_epoch < 0 || top1 > best_prec1;
  }

  metadata(optimizer: OptimizerProgress): Record<string, unknown> {
    const { state, configuration } = this;
    return { ...state, ...optimizer, configuration };
  }
}

function requireSame(file: string, field: string, expected: unknown, found: unknown): void {
  if (found !== undefined && JSON.stringify(found) !== JSON.stringify(expected))
    reject(`${file}: ${field}`, `${JSON.stringify(expected)}, as in this run`, found);
}
