import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scanImageFolder } from '../data/image_folder.js';
import { readModelConfig } from '../models/model.js';
import { readDataConfig } from '../train/data_config.js';
import { readOptimizerConfig } from '../train/optimizer_config.js';
import { readScheduleConfig } from '../train/schedule_config.js';
import type { Progress } from '../train/progress.js';
import { readRun } from '../report/run.js';
import { fileNames } from '../report/run_files.js';
import { RunRecorder } from '../report/recorder.js';
import { trainNetwork } from '../train/session.js';
import type { TrainingSummary } from '../train/trainer.js';
import {
  computeFlags,
  precisionFlag,
  precisionOf,
  requireGradients,
  useBackend,
} from './backend.js';
import { defineCommand } from './command.js';
import { demoPage, type PredictedImage } from './demo_page.js';
import { setUpDemo, type DemoFiles } from './demo_setup.js';
import { evaluateTrained, printEvaluation } from './evaluate.js';
import type { Values } from './flags.js';
import { Interrupt } from './interrupt.js';
import { loadTrainedModel, type TrainedModel } from './model_files.js';
import { makeOutputFolder, printFrequency, progressFor } from './output.js';
import { predictFile } from './predict.js';

const flags = {
  out: { help: 'folder of the demo', value: 'DIR', default: 'demo' },
  'print-freq': printFrequency,
  precision: precisionFlag,
  ...computeFlags,
} as const;

/** Validation top-1, in percent, that the demo promises. */
const goal = 90;
const shownPerClass = 3;

/** `menet demo` */
export const demo = defineCommand({
  usage: '[--out DIR]',
  description:
    'Draws a few thousand images of shapes, trains a small MENet on them, evaluates its best\n' +
    `checkpoint, predicts some images and writes a page of it all. Fails below ${goal} % top-1.`,
  example: 'menet demo --threads 2',
  flags,
  async run({ values }) {
    const started = performance.now();
    requireGradients(values);
    makeOutputFolder(values.out);
    await useBackend(values);
    const precision = precisionOf(values);
    const progress = progressFor(values, 100);
    progress.note(`making images in ${path.join(values.out, 'images')}`);
    const files = await setUpDemo(values.out, { seed: values.seed, precision });
    const interrupt = new Interrupt(() => progress.note('ending after this step'));
    const summary = await trainDemo(files, values, progress, interrupt.signal);
    if (summary.interrupted) return interrupt.exitCode;
    return await showResults(files, summary, values, progress, started);
  },
});

function trainDemo(
  files: DemoFiles,
  { out, seed }: Values<typeof flags>,
  progress: Progress,
  signal: AbortSignal,
): Promise<TrainingSummary> {
  const folder = runFolder(out);
  progress.note(`${path.join(folder, fileNames.page)} shows how the run is doing`);
  return trainNetwork({
    data: readDataConfig(files.data),
    model: readModelConfig(files.model),
    optimizer: readOptimizerConfig(files.optim),
    schedule: readScheduleConfig(files.sched),
    folder,
    replace: true,
    seed,
    progress,
    observers: [new RunRecorder({ folder, report: (message) => progress.note(message) })],
    signal,
  });
}

function runFolder(out: string): string {
  return path.join(out, 'runs', 'shapes');
}

async function showResults(
  files: DemoFiles,
  { best }: TrainingSummary,
  { out, ...values }: Values<typeof flags>,
  progress: Progress,
  started: number,
): Promise<number> {
  const precision = precisionOf(values);
  const data = readDataConfig(files.data);
  const trained = await loadTrainedModel(files.model, best);
  const evaluation = await evaluateTrained(trained, data, { progress, precision });
  printEvaluation(evaluation, false);
  const predictions = await predictSome(trained, data.valid_root);
  const seconds = (performance.now() - started) / 1000;
  const page = path.join(out, 'index.html');
  writeFileSync(page, demoPage(await readRun(runFolder(out)), predictions));
  console.log(`${page} shows curves and predictions; ${seconds.toFixed(0)} s in all`);
  console.log(`try: menet predict --model ${files.model} --checkpoint ${best} IMAGE`);
  if (evaluation.top1 >= goal) return 0;
  console.error(`menet: expected at least ${goal} % top-1, got ${evaluation.top1.toFixed(2)} %`);
  return 1;
}

/** The first validation images of each class, predicted. */
async function predictSome(trained: TrainedModel, root: string): Promise<PredictedImage[]> {
  const { classes, samples } = await scanImageFolder(root);
  const predictions: PredictedImage[] = [];
  for (const [label, truth] of classes.entries()) {
    const shown = samples.filter((sample) => sample.label === label).slice(0, shownPerClass);
    for (const { file } of shown)
      predictions.push({
        jpeg: readFileSync(file),
        truth,
        top: await predictFile(trained, file, 1),
      });
  }
  return predictions;
}
