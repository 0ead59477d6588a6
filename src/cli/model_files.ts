import * as z from 'zod';
import { readCheckpoint, type Checkpoint } from '../checkpoints/checkpoint.js';
import { checkConfig } from '../config_file.js';
import { reject } from '../errors.js';
import { createModel, readModelConfig, type Model } from '../models/model.js';
import { loadState } from '../models/state.js';
import type { Flags } from './flags.js';

/** Flags that name a trained network. */
export const modelFlags = {
  model: { help: 'model configuration (JSON)', value: 'FILE', required: true },
  checkpoint: {
    help: 'weights: .safetensors, or .pth.tar as PyTorch writes it',
    value: 'FILE',
    required: true,
  },
} as const satisfies Flags;

/** A network with the weights of a checkpoint, and what else the checkpoint says. */
export interface TrainedModel {
  model: Model;
  /** Class names, where the checkpoint has them. */
  classes: string[] | undefined;
  /** Side of the images that it was trained on, where the checkpoint has it, else 224. */
  imageSize: number;
}

const metadataSchema = z.object({
  classes: z.array(z.string()).optional(),
  image_size: z.int().min(32).default(224),
});

/** Reads configuration and checkpoint; throws an InputError where they do not fit each other. */
export async function loadTrainedModel(
  configFile: string,
  checkpointFile: string,
): Promise<TrainedModel> {
  const config = readModelConfig(configFile);
  const checkpoint = await readCheckpoint(checkpointFile);
  const { classes, imageSize } = describeCheckpoint(checkpointFile, checkpoint);
  if (classes && classes.length !== config.num_classes)
    reject(
      `${checkpointFile}: classes`,
      `${config.num_classes}, as in ${configFile}`,
      classes.length,
    );
  const model = createModel(config);
  loadState(model, checkpoint.tensors, checkpointFile);
  return { model, classes, imageSize };
}

function describeCheckpoint(file: string, { metadata }: Checkpoint) {
  const { classes, image_size } = checkConfig(file, metadataSchema, metadata);
  return { classes, imageSize: image_size };
}
