import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { InputError, reject } from '../errors.js';
import { drawModel } from '../inspect/graph.js';
import { formatInspection, inspectModel } from '../inspect/inspect.js';
import { createModel, readModelConfig } from '../models/model.js';
import { defineCommand } from './command.js';
import { printJson } from './output.js';

/** `menet inspect` */
export const inspect = defineCommand({
  usage: '--model M',
  description:
    'Layers of a network with their outputs for images of 224 × 224, parameters and\n' +
    'multiplications (MACs), as a table or as JSON, and as a picture.',
  example: 'menet inspect --model model.json --graph model.svg',
  flags: {
    model: { help: 'model configuration (JSON)', value: 'FILE', required: true },
    json: { help: 'print one JSON document' },
    graph: { help: 'write a picture of the network, an SVG', value: 'FILE.svg' },
  },
  async run({ values }) {
    if (values.graph !== undefined && path.extname(values.graph).toLowerCase() !== '.svg')
      reject('--graph', 'a file ending in .svg', values.graph);
    const config = readModelConfig(values.model);
    tf.enableProdMode();
    await tf.setBackend('cpu'); // nothing is computed
    const model = createModel(config);
    const name = path.basename(values.model, '.json');
    if (values.graph !== undefined) save(values.graph, await drawModel(model, { name }));
    const inspection = inspectModel(model, { name });
    if (values.json) printJson(inspection);
    else process.stdout.write(formatInspection(inspection));
    return 0;
  },
});

function save(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`--graph: expected a file that can be written, got ${file} (${code})`);
  }
}
