import type { StepEvent } from '../train/observer.js';
import type { StepRecord } from './log_record.js';

/** Sums up steps until they make a record. */
export class StepWindow {
  private steps = 0;
  private images = 0;
  private loss = 0;
  private top1 = 0;
  private top5 = 0;
  private milliseconds = 0;
  private waited = 0;
  private skipped = 0;
  private last: StepEvent | undefined;

  add(event: StepEvent): void {
    this.steps++;
    this.images += event.images;
    this.loss += event.loss * event.images;
    this.top1 += event.correct.top1;
    this.top5 += event.correct.top5;
    this.milliseconds += event.milliseconds;
    this.waited += event.waited;
    this.skipped += Number(event.lossScaling?.skipped ?? false);
    this.last = event;
  }

  /** The record of the steps so far; undefined where there were none. */
  record(): StepRecord | undefined {
    const { steps, images, last } = this;
    if (!last) return undefined;
    return {
      type: 'step',
      time: new Date().toISOString(),
      global_step: last.globalStep,
      epoch: last.epoch,
      step: last.step,
      steps,
      images,
      learning_rate: last.learningRate,
      loss: this.loss / images,
      top1: (100 * this.top1) / images,
      top5: (100 * this.top5) / images,
      images_per_second: this.imageRate,
      milliseconds: this.milliseconds / steps,
      waited: this.waited / steps,
      ...(last.lossScaling && { loss_scale: last.lossScaling.scale, skipped: this.skipped }),
    };
  }

  /** Images per second. */
  get imageRate(): number {
    return (1000 * this.images) / this.milliseconds;
  }

  /** Percentage of the time that was spent waiting for data. */
  get waitedShare(): number {
    return (100 * this.waited) / this.milliseconds;
  }
}
