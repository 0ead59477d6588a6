import * as z from 'zod';

/** As torch.amp.GradScaler has them, which also is what Apex has: where the scale starts, ... */
const INITIAL = 2 ** 16;
/** ... how many good steps double it, ... */
const STEPS_TO_GROW = 2000;
/** ... and, of Apex alone, what it may grow to. Below 1 there is nothing left to scale. */
const LARGEST = 2 ** 24;
const SMALLEST = 1;

/** What a checkpoint says of it. */
export const lossScaleSchema = z.object({
  scale: z.number().min(SMALLEST).max(LARGEST),
  /** Steps since the scale has changed. */
  good_steps: z.int().min(0),
  /** Steps in all that were left out. */
  skipped_steps: z.int().min(0),
});

export type LossScaleState = z.output<typeof lossScaleSchema>;

/**
 * What the loss is multiplied by before its gradients are taken, so that they do not vanish in
 * fp16, whose least number is 6e-8. Gradients that overflow halve it, and their step is left out;
 * many good steps in a row double it. Being a power of two, it changes no digit.
 * @see Micikevicius et al., "Mixed Precision Training", arXiv:1710.03740
 */
export class LossScale {
  private current: LossScaleState = { scale: INITIAL, good_steps: 0, skipped_steps: 0 };

  get scale(): number {
    return this.current.scale;
  }

  get state(): LossScaleState {
    return { ...this.current };
  }

  /** Goes on from a checkpoint. */
  restore(state: LossScaleState): void {
    this.current = { ...state };
  }

  /** Whether gradients that are not finite are nothing that a smaller scale could help. */
  get isLeast(): boolean {
    return this.scale === SMALLEST;
  }

  /** A step with finite gradients was taken. */
  grow(): void {
    const { scale, good_steps } = this.current;
    if (good_steps + 1 < STEPS_TO_GROW) this.current.good_steps++;
    else Object.assign(this.current, { scale: Math.min(2 * scale, LARGEST), good_steps: 0 });
  }

  /** A step whose gradients were not finite was left out. */
  shrink(): void {
    const { scale, skipped_steps } = this.current;
    this.current = {
      scale: Math.max(scale / 2, SMALLEST),
      good_steps: 0,
      skipped_steps: skipped_steps + 1,
    };
  }
}
