import * as z from 'zod';
import type { Outcome } from '../train/observer.js';

/** JSON has no NaN; a figure that is none is null there. */
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const count = z.int().min(0);

const averages = z.object({ images: count, loss: figure, top1: figure, top5: figure });

/** What every record has: when it was written, and how many steps the run had taken by then. */
const common = { time: z.iso.datetime(), global_step: count };

/** A process begins or goes on with the run. */
const startSchema = z.object({
  type: z.literal('start'),
  ...common,
  /** Where the run begins: epoch from 0, steps done in it. */
  epoch: count,
  step: count,
  /** Epochs of the whole run. */
  epochs: count,
  steps_per_epoch: count,
});

/** Means over some training steps, `step` being the last of them. */
const stepSchema = z.object({
  type: z.literal('step'),
  ...common,
  epoch: count,
  /** Within the epoch, from 1. */
  step: count,
  /** How many steps the record sums up. */
  steps: count,
  images: count,
  learning_rate: figure,
  loss: figure,
  /** Percentages. */
  top1: figure,
  top5: figure,
  images_per_second: figure,
  /** Per step. */
  milliseconds: figure,
  /** Milliseconds per step spent waiting for images. */
  waited: figure,
  /** In fp16: what the loss is multiplied by after these steps, ... */
  loss_scale: z.number().optional(),
  /** ... and how many of them were left out. */
  skipped: count.optional(),
});

/** An epoch was trained and validated. */
const epochSchema = z.object({
  type: z.literal('epoch'),
  ...common,
  epoch: count,
  learning_rate: figure,
  train: averages,
  valid: averages,
  seconds: figure,
  /** Of training; null where the epoch was trained before this log began. */
  images_per_second: figure,
  /** Percentage of the training time spent waiting for images. */
  waited: figure,
  /** Whether its validation top-1 was the best so far. */
  best: z.boolean(),
});

const outcomes = [
  'finished',
  'interrupted',
  'diverged',
  'failed',
  'stopped early',
] as const satisfies readonly Outcome[];

/** The process left the run. */
const endSchema = z.object({
  type: z.literal('end'),
  ...common,
  outcome: z.enum(outcomes),
  /** Of a run that diverged or failed. */
  reason: z.string().optional(),
});

export const recordSchema = z.discriminatedUnion('type', [
  startSchema,
  stepSchema,
  epochSchema,
  endSchema,
]);

export type StartRecord = z.output<typeof startSchema>;
export type StepRecord = z.output<typeof stepSchema>;
export type EpochLogRecord = z.output<typeof epochSchema>;
export type EndRecord = z.output<typeof endSchema>;
export type LogRecord = z.output<typeof recordSchema>;

/** The record as a line of the log. */
export function logLine(record: LogRecord): string {
  return `${JSON.stringify(record)}\n`;
}
