import * as tf from '@tensorflow/tfjs';
import { listClasses } from '../data/image_folder.js';
import { readModelConfig } from '../models/model.js';
import { type Conversion, convertCheckpoint } from '../train/convert.js';
import { readDataConfig } from '../train/data_config.js';
import { defineCommand } from './command.js';
import { printJson } from './output.js';

/** `menet convert` */
export const convert = defineCommand({
  usage: '--model M --input F --output F [--data D] [--label L]',
  description:
    'Writes a checkpoint in another format, by the extension of the output: .safetensors, or\n' +
    ".pth.tar, .pth or .pt as torch.load reads it. Names and values stay, the optimizer's as well;\n" +
    'the module. of data-parallel training is taken off.',
  example: 'menet convert --model model.json --input model.pth.tar --output model.safetensors',
  flags: {
    model: { help: 'model configuration (JSON)', value: 'FILE', required: true },
    input: { help: 'checkpoint, of either format', value: 'FILE', required: true },
    output: { help: 'file to write', value: 'FILE', required: true },
    data: {
      help: 'data configuration (JSON): names the classes by the folders of its train_root',
      value: 'FILE',
    },
    label: { help: 'name of the model, kept in the output', value: 'NAME' },
    json: { help: 'print one JSON document' },
  },
  async run({ values: { model, input, output, data, label, json } }) {
    const config = readModelConfig(model);
    const classes = data === undefined ? undefined : await classesOf(data);
    tf.enableProdMode();
    await tf.setBackend('cpu');
    const result = await convertCheckpoint({ model: config, input, output, classes, name: label });
    if (json) printJson(result);
    else console.log(describe(result));
    return 0;
  },
});

async function classesOf(file: string): Promise<string[]> {
  return listClasses(readDataConfig(file).train_root);
}

function describe({ output, weights, average, optimizer, classes }: Conversion): string {
  const parts = [
    `${weights} weights`,
    ...(average > 0 ? [`${average} averaged weights`] : []),
    `${optimizer} tensors of the optimizer`,
    `${classes === 0 ? 'no' : classes} class names`,
  ];
  return `${output}: ${parts.join(', ')}`;
}
