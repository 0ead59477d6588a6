import * as z from 'zod';
import { checkConfig } from '../config_file.js';
import { lossScaleSchema } from './loss_scale.js';
import { emptyTotals } from './metrics.js';

const averagesSchema = z.object({
  images: z.number(),
  loss: z.number(),
  top1: z.number(),
  top5: z.number(),
});

/** One finished epoch; `learning_rate` is that of its last step. */
const recordSchema = z.object({
  epoch: z.number(),
  learning_rate: z.number(),
  train: averagesSchema,
  valid: averagesSchema,
  seconds: z.number(),
});

/**
 * What a training checkpoint holds besides tensors. `model_name`, `last_epoch` and `best_prec1`
 * are the published trainer's fields, and all that its own checkpoints have.
 */
const stateSchema = z.object({
  model_name: z.string(),
  /** The last finished epoch, from 0; -1 before there is one. */
  last_epoch: z.int().min(-1),
  /** Best validation top-1 so far, in percent. */
  best_prec1: z.number(),
  /** Steps done of the epoch after `last_epoch`. */
  step: z.int().min(0).default(0),
  /** Steps done in all; a checkpoint of the published trainer does not say. */
  global_step: z.int().min(0).optional(),
  /** Sums over those steps. */
  totals: averagesSchema.default(emptyTotals),
  /** Steps that the optimizer has taken in all. */
  optimizer_steps: z.int().min(0).default(0),
  /** Where gradients are scaled, in fp16. */
  loss_scale: lossScaleSchema.optional(),
  seed: z.int().optional(),
  batch_size: z.int().min(1).optional(),
  /** Training images: a step inside an epoch means nothing among others. */
  train_images: z.int().min(1).optional(),
  image_size: z.int().min(32).optional(),
  classes: z.array(z.string()).optional(),
  history: z.array(recordSchema).default(() => []),
});

export type EpochRecord = z.output<typeof recordSchema>;
export type TrainingState = z.output<typeof stateSchema>;

/** Checks a checkpoint's metadata; throws an InputError naming file, field, expected and found. */
export function readTrainingState(file: string, metadata: Record<string, unknown>): TrainingState {
  const optimizer_steps = torchSteps(metadata.optimizer);
  return checkConfig(file, stateSchema, { optimizer_steps, ...metadata });
}

/** torch.optim counts steps for each parameter; all have taken the same. */
function torchSteps(optimizer: unknown): number | undefined {
  const { success, data } = torchStateSchema.safeParse(optimizer);
  return success ? Object.values(data.state)[0]?.step : undefined;
}

const torchStateSchema = z.object({ state: z.record(z.string(), z.object({ step: z.int() })) });
