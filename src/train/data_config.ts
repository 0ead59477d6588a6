import * as z from 'zod';
import { readConfigFile } from '../config_file.js';
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
});

export type DataConfig = z.output<typeof dataSchema>;

/** Reads D; throws an InputError naming file, field, expected and found. */
export function readDataConfig(file: string): DataConfig {
  return readConfigFile(file, dataSchema);
}
