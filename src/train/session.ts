import { readCheckpoint } from '../checkpoints/checkpoint.js';
import { matchClasses, scanImageFolder, type ImageFolder } from '../data/image_folder.js';
import type { ImageLoader } from '../data/loader.js';
import { reject } from '../errors.js';
import { createModel, type Model, type ModelConfig } from '../models/model.js';
import { checkPrecision } from '../precision.js';
import { CheckpointStore } from './checkpoint_store.js';
import type { DataConfig } from './data_config.js';
import type { TrainingObserver } from './observer.js';
import type { OptimizerConfig } from './optimizer_config.js';
import type { ScheduleConfig } from './schedule_config.js';
import type { Progress } from './progress.js';
import { openLoaders } from './loaders.js';
import { loadPretrained } from './pretrained.js';
import { describeRun } from './run_configuration.js';
import { RunFolder } from './run_folder.js';
import { Trainer, type TrainingSummary } from './trainer.js';
import { readTrainingState } from './training_state.js';

export interface SessionOptions {
  data: DataConfig;
  model: ModelConfig;
  /** Names the model configuration in errors. */
  modelFile?: string;
  optimizer: OptimizerConfig;
  schedule: ScheduleConfig;
  /** Run folder, made where it is missing. */
  folder: string;
  /** Of initial weights, order and augmentation; a resumed run keeps its own. */
  seed: number;
  /** Checkpoint to continue from. */
  resume?: string;
  /** Checkpoint to begin with the weights of, but those of a classifier of other size. */
  pretrained?: string;
  /** Starts anew where the folder holds a run, instead of refusing to. */
  replace?: boolean;
  /** How many epochs' checkpoints stay; 3 if left out. */
  keep?: number;
  /** Steps between checkpoints inside an epoch; 0 (the default): none but at its end. */
  saveEvery?: number;
  /** Folder of raw caches of the images, built where there are none. */
  cache?: string;
  progress: Progress;
  /** Told what happens, in this order. */
  observers?: readonly TrainingObserver[];
  signal?: AbortSignal;
}

/** Trains a network as its configurations say, from image folders to checkpoints. */
export async function trainNetwork(options: SessionOptions): Promise<TrainingSummary> {
  const run = await RunFolder.open(options.folder, options);
  try {
    return await trainInFolder(run, options);
  } finally {
    run.close();
  }
}

async function trainInFolder(run: RunFolder, options: SessionOptions): Promise<TrainingSummary> {
  const { data, model: config, folder, resume, pretrained, keep = 3, progress } = options;
  if (resume !== undefined && pretrained !== undefined)
    reject('pretrained', 'a new run, not one to resume', pretrained);
  checkPrecision('optimizer configuration: field precision', options.optimizer.precision);
  const checkpoint = resume === undefined ? undefined : await readCheckpoint(resume);
  const seed = (checkpoint && readTrainingState(resume!, checkpoint.metadata).seed) ?? options.seed;
  const train = await scanImageFolder(data.train_root);
  const valid = await scanImageFolder(data.valid_root);
  matchClasses(train, valid);
  requireClassCount(options.modelFile ?? 'model configuration', config, train);

  const configuration = describeRun({ ...options, seed });
  const model = createModel(config, { seed });
  try {
    if (pretrained !== undefined) await beginWith(pretrained, model, progress);
    const store = new CheckpointStore(folder, { keep });
    const { classes } = train;
    const loaders = await openLoaders({ train, valid }, data, seed, options);
    const trainer = new Trainer({ ...options, ...loaders, model, configuration, classes, store });
    try {
      if (checkpoint) trainer.resume(resume!, checkpoint);
      await run.describe(configuration);
      return await trainer.run();
    } finally {
      noteSkipped(progress, loaders.train, loaders.valid);
      trainer.dispose();
      await loaders.close();
    }
  } finally {
    model.dispose();
  }
}

async function beginWith(file: string, model: Model, progress: Progress): Promise<void> {
  const { tensors } = await readCheckpoint(file);
  const left = await loadPretrained(model, tensors, file);
  if (left.length > 0)
    progress.note(
      `${file}: ${left.join(', ')} not taken: this network has ${model.numClasses} classes`,
    );
}

/** Says which images were broken and why. */
export function noteSkipped(progress: Progress, ...loaders: ImageLoader[]): void {
  for (const { skipped } of loaders)
    for (const reason of skipped.values()) progress.note(`skipped ${reason}`);
}

function requireClassCount(
  file: string,
  { num_classes }: ModelConfig,
  { root, classes }: ImageFolder,
): void {
  if (num_classes !== classes.length)
    reject(
      `${file}: field num_classes`,
      `${classes.length}, the class folders of ${root}`,
      num_classes,
    );
}
