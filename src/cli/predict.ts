import { decodeImage } from '../data/decode.js';
import { InputError, reject } from '../errors.js';
import { predictImage, type Prediction } from '../train/predict.js';
import type { Precision } from '../precision.js';
import { computeFlags, precisionFlag, precisionOf, useBackend } from './backend.js';
import { defineCommand } from './command.js';
import { classLabels } from '../class_labels.js';
import { loadTrainedModel, modelFlags, type TrainedModel } from './model_files.js';
import { printError, printJson } from './output.js';

export interface LabelledPrediction extends Prediction {
  label: string;
}

/** `menet predict` */
export const predict = defineCommand({
  usage: '--model M --checkpoint F IMAGE...',
  description: 'The most probable classes of images, best first.',
  example: 'menet predict --model model.json --checkpoint runs/a/best.safetensors cat.jpg',
  positional: 'IMAGE...',
  flags: {
    ...modelFlags,
    top: { help: 'classes per image', value: 'K', least: 1, default: 5 },
    'no-resize': { help: 'take images as they are, instead of scaling and cropping them' },
    json: { help: 'print one JSON document' },
    precision: precisionFlag,
    ...computeFlags,
  },
  async run({ values, positionals }) {
    await useBackend(values);
    const precision = precisionOf(values);
    const trained = await loadTrainedModel(values.model, values.checkpoint);
    const results = [];
    const resize = !values['no-resize'];
    for (const image of positionals) {
      try {
        const top = await predictFile(trained, image, values.top, { resize, precision });
        results.push({ image, top });
        if (!values.json) console.log(describe(image, top));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        printError(error.message); // the other images are still predicted
      }
    }
    if (values.json) printJson(results);
    return results.length === positionals.length ? 0 : 2;
  },
});

const smallest = 32;

/** Decodes an image file and classifies it. */
export async function predictFile(
  { model, classes, imageSize }: TrainedModel,
  file: string,
  top: number,
  { resize = true, precision }: { resize?: boolean; precision?: Precision } = {},
): Promise<LabelledPrediction[]> {
  const image = await decodeImage(file, { imageSize, transform: 'evaluate', resize });
  if (image.height < smallest || image.width < smallest)
    reject(file, `at least ${smallest}×${smallest} pixels`, `${image.width}×${image.height}`);
  const labels = classLabels(model.numClasses, classes);
  const predictions = await predictImage(model, image, top, precision);
  return predictions.map(({ class: index, probability }) => ({
    class: index,
    label: labels[index] as string,
    probability,
  }));
}

function describe(image: string, top: readonly LabelledPrediction[]): string {
  const rows = top.map(
    ({ class: index, label, probability }) =>
      `  ${(100 * probability).toFixed(2).padStart(6)} %  ${label} (${index})`,
  );
  return [image, ...rows].join('\n');
}
