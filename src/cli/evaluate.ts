import path from 'node:path';
import { writeFileAtomic } from '../checkpoints/atomic_file.js';
import { classLabels } from '../class_labels.js';
import { scanImageFolder } from '../data/image_folder.js';
import { closeRawCache } from '../data/raw_cache.js';
import { reject } from '../errors.js';
import { validationPage } from '../report/page/validation_page.js';
import { takeSnapshot } from '../report/validation_snapshot.js';
import { readDataConfig, type DataConfig } from '../train/data_config.js';
import { evaluateModel, type Evaluation } from '../train/evaluate.js';
import { openFolderCache, type CacheRequest } from '../train/folder_cache.js';
import { evaluationLoader } from '../train/loaders.js';
import { noteSkipped } from '../train/session.js';
import type { Precision } from '../precision.js';
import { computeFlags, precisionFlag, precisionOf, useBackend } from './backend.js';
import { defineCommand } from './command.js';
import { loadTrainedModel, modelFlags, type TrainedModel } from './model_files.js';
import { cacheFlag, makeOutputFolder, printJson, progressFlags, progressFor } from './output.js';

/** `menet evaluate` */
export const evaluate = defineCommand({
  usage: '--data D --model M --checkpoint F',
  description: 'Loss, top-1 and top-5 (in percent) of a checkpoint on the validation images of D.',
  example:
    'menet evaluate --data data.json --model model.json --checkpoint runs/a/best.safetensors',
  flags: {
    data: { help: 'data configuration (JSON)', value: 'FILE', required: true },
    ...modelFlags,
    cache: cacheFlag,
    details: {
      help: 'page to write: which classes are confused, and the worst mistakes',
      value: 'FILE',
    },
    precision: precisionFlag,
    ...progressFlags,
    ...computeFlags,
  },
  async run({ values }) {
    const data = readDataConfig(values.data);
    if (values.details !== undefined) makeOutputFolder(path.dirname(values.details), '--details');
    await useBackend(values);
    const precision = precisionOf(values);
    const trained = await loadTrainedModel(values.model, values.checkpoint);
    const { details, ...evaluation } = await evaluateTrained(trained, data, {
      cache: values.cache,
      details: values.details !== undefined,
      precision,
      progress: progressFor(values),
    });
    printEvaluation(evaluation, values.json);
    if (values.details !== undefined && details) {
      const classes = classLabels(trained.model.numClasses, trained.classes);
      const snapshot = await takeSnapshot(0, classes, details);
      const page = validationPage(values.checkpoint, describeEvaluation(evaluation), snapshot);
      await writeFileAtomic(values.details, [Buffer.from(page)]);
    }
    return 0;
  },
});

/** Evaluates a network on the validation images of D. */
export async function evaluateTrained(
  { model, classes }: TrainedModel,
  data: DataConfig,
  request: CacheRequest & { details?: boolean; precision?: Precision },
): Promise<Evaluation> {
  const folder = await scanImageFolder(data.valid_root);
  requireClasses(folder.root, folder.classes, classes, model.numClasses);
  const cache = await openFolderCache(folder, data, request);
  const loader = evaluationLoader(folder, data, cache);
  const { progress, details, precision } = request;
  try {
    return await evaluateModel(model, loader, {
      title: 'evaluate',
      imageSize: data.image_size,
      progress,
      details,
      precision,
    });
  } finally {
    noteSkipped(progress, loader);
    await loader.close();
    if (cache) closeRawCache(cache);
  }
}

function requireClasses(
  root: string,
  found: readonly string[],
  trained: readonly string[] | undefined,
  count: number,
): void {
  if (found.length !== count) reject(root, `${count} class folders, one per output`, found.length);
  const wrong = trained?.findIndex((name, label) => name !== found[label]) ?? -1;
  if (wrong >= 0) reject(root, `class folder ${trained?.[wrong]}, as in training`, found[wrong]);
}

/** As one JSON document, or as a line. */
export function printEvaluation(evaluation: Evaluation, json: boolean): void {
  if (json) return printJson(evaluation);
  console.log(describeEvaluation(evaluation));
}

function describeEvaluation(evaluation: Evaluation): string {
  const { images, skipped, loss, top1, top5, images_per_second } = evaluation;
  return (
    `${images} images (${skipped} skipped)  loss ${loss.toFixed(4)}  top-1 ${top1.toFixed(2)} %  ` +
    `top-5 ${top5.toFixed(2)} %  ${images_per_second.toFixed(0)} images/s`
  );
}
