import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { demoClasses, makeDemoImages } from '../data/demo_images.js';
import { makeFolder } from '../make_folder.js';
import type { Precision } from '../precision.js';

/** Pictures per class and their side; networks see them at `imageSize` of the data configuration. */
const pictures = { imagesPerClass: { train: 500, valid: 60 }, imageSize: 72 };

const configurations = {
  model: {
    name: 'menet',
    block_channels: [48, 96, 192],
    block_layers: [1, 2, 1],
    init_c: 12,
    side_channels: [16, 16, 16],
    groups: 3,
    init_mode: 'fan_in', // fan_out suits a thousand classes: eight would start far from even
    num_classes: demoClasses.length,
  },
  optim: {
    name: 'SGD',
    learning_rate: 0.05,
    momentum: 0.9,
    weight_decay: 0.0001,
    nesterov: true,
    epochs: 12,
  },
  sched: { name: 'MultiStepLR', milestones: [6, 9, 11], gamma: 0.3 },
};

const feeding = {
  name: 'shapes',
  batch_size: 16,
  num_workers: 2,
  transform: 'less_aggressive',
  image_size: 64,
};

/** Paths of the demo's configuration files. */
export interface DemoFiles {
  data: string;
  model: string;
  optim: string;
  sched: string;
}

/** Makes the demo's images and writes its configurations into `folder`. */
export async function setUpDemo(
  folder: string,
  { seed, precision }: { seed: number; precision: Precision },
): Promise<DemoFiles> {
  makeFolder(folder);
  const roots = await makeDemoImages(path.join(folder, 'images'), { ...pictures, seed });
  const data = {
    ...feeding,
    train_root: path.resolve(roots.train),
    valid_root: path.resolve(roots.valid),
  };
  const write = (name: string, value: unknown): string => {
    const file = path.join(folder, `${name}.json`);
    writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
    return file;
  };
  return {
    data: write('data', data),
    model: write('model', configurations.model),
    optim: write('optim', { ...configurations.optim, precision }),
    sched: write('sched', configurations.sched),
  };
}
