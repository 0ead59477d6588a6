import * as tf from '@tensorflow/tfjs';
import type { ImageLoader } from '../data/loader.js';
import type { Model } from '../models/model.js';
import { normalizeImages } from '../ops/normalize_images.js';
import { softmaxCrossEntropy } from '../ops/softmax_cross_entropy.js';
import type { Precision } from '../precision.js';
import { averages, countCorrect, emptyTotals } from './metrics.js';
import { runPhase, type StepResult } from './phase.js';
import type { Progress } from './progress.js';
import { uploadAhead, type ReadyBatch } from './upload.js';
import { DetailCollector, type ValidationDetails } from './validation_details.js';

export interface Evaluation {
  images: number;
  /** Broken images that were left out. */
  skipped: number;
  /** Mean over images. */
  loss: number;
  /** Percentages. */
  top1: number;
  top5: number;
  images_per_second: number;
  /** Where they were asked for. */
  details?: ValidationDetails;
}

export interface EvaluateOptions {
  title: string;
  /** Side of the loader's images, in pixels. */
  imageSize: number;
  progress: Progress;
  /** What activations are stored as (default float32). */
  precision?: Precision;
  /** Whether to find out which classes are confused, and the worst mistakes. */
  details?: boolean;
  signal?: AbortSignal;
}

/**
 * Loss, top-1 and top-5 (percentages) of a model over every image of a loader, or over what
 * came before the signal.
 */
export async function evaluateModel(
  model: Model,
  loader: ImageLoader,
  { title, progress, signal, ...options }: EvaluateOptions,
): Promise<Evaluation> {
  const totals = emptyTotals();
  const collector = options.details ? new DetailCollector(model.numClasses) : undefined;
  const started = performance.now();
  const batches = uploadAhead(loader.epoch(0), options.imageSize);
  await runPhase(batches, (batch) => evaluateBatch(model, batch, options, collector), {
    title,
    steps: loader.steps,
    totals,
    progress,
    signal,
  });
  const seconds = (performance.now() - started) / 1000;
  const { images, ...means } = averages(totals);
  return {
    images,
    skipped: loader.skipped.size,
    ...means,
    images_per_second: images / seconds,
    ...(collector && { details: collector.details }),
  };
}

async function evaluateBatch(
  model: Model,
  batch: ReadyBatch,
  { imageSize, precision }: Pick<EvaluateOptions, 'imageSize' | 'precision'>,
  collector: DetailCollector | undefined,
): Promise<StepResult> {
  const labels = tf.tensor1d(batch.labels, 'int32');
  const [logits, loss] = tf.tidy(() => {
    const images = normalizeImages(batch.pixels, [batch.size, imageSize, imageSize, 3]);
    const logits = model.apply(images, { precision });
    return [logits, softmaxCrossEntropy(logits, labels)] as const;
  });
  const result = await readResult(loss, logits, batch.labels);
  collector?.add((await logits.data()) as Float32Array, batch.labels, batch.files);
  tf.dispose([labels, logits, loss]);
  return result;
}

/** Brings loss and accuracy to the host. */
export async function readResult(
  loss: tf.Scalar,
  logits: tf.Tensor2D,
  labels: Int32Array,
): Promise<StepResult> {
  const [values, scores] = await Promise.all([loss.data(), logits.data()]);
  return { loss: values[0] as number, correct: countCorrect(scores as Float32Array, labels) };
}
