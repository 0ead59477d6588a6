import * as z from 'zod';
import { readConfigFile } from '../config_file.js';
import { noAugmentation, randomAugments, type Augmentation } from '../data/augmentation.js';
import { alterations, magnitudeBins } from '../data/auto_augment.js';
import { transforms } from '../data/transforms.js';

/** D: where the images are and how they are fed. Relative roots start at the working directory. */
const dataSchema = z.strictObject({
  name: z.string().min(1),
  train_root: z.string().min(1),
  valid_root: z.string().min(1),
  batch_size: z.int().min(1).max(65536),
  num_workers: z.int().min(0).max(256),
  transform: z.enum([...transforms.keys()]),
  image_size: z.int().min(32).max(4096).default(224),
  random_augment: z.enum(randomAugments).default(noAugmentation.randomAugment),
  rand_augment_ops: z.int().min(1).max(alterations.length).default(noAugmentation.randAugmentOps),
  rand_augment_magnitude: z
    .int()
    .min(0)
    .max(magnitudeBins - 1)
    .default(noAugmentation.randAugmentMagnitude),
  mixup_alpha: z.number().min(0).max(100).default(0),
  cutmix_alpha: z.number().min(0).max(100).default(0),
  random_erasing: z.number().min(0).max(1).default(noAugmentation.randomErasing),
});

export type DataConfig = z.output<typeof dataSchema>;

/** Reads D; throws an InputError naming file, field, expected and found. */
export function readDataConfig(file: string): DataConfig {
  return readConfigFile(file, dataSchema);
}

/** The augmentation that D asks for, as loader options. */
export function augmentationOf(data: DataConfig): Augmentation {
  return {
    randomAugment: data.random_augment,
    randAugmentOps: data.rand_augment_ops,
    randAugmentMagnitude: data.rand_augment_magnitude,
    randomErasing: data.random_erasing,
  };
}
