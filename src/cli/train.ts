import { existsSync } from 'node:fs';
import path from 'node:path';
import { reject } from '../errors.js';
import { readModelConfig } from '../models/model.js';
import { checkPrecision } from '../precision.js';
import { RunRecorder } from '../report/recorder.js';
import { readDataConfig } from '../train/data_config.js';
import { readOptimizerConfig } from '../train/optimizer_config.js';
import { readScheduleConfig } from '../train/schedule_config.js';
import type { Progress } from '../train/progress.js';
import { trainNetwork } from '../train/session.js';
import type { TrainingSummary } from '../train/trainer.js';
import { computeFlags, requireGradients, useBackend } from './backend.js';
import { defineCommand } from './command.js';
import { evaluateTrained, printEvaluation } from './evaluate.js';
import { Interrupt } from './interrupt.js';
import { loadTrainedModel } from './model_files.js';
import { cacheFlag, makeOutputFolder, printJson, progressFlags, progressFor } from './output.js';
import type { Values } from './flags.js';

const flags = {
  data: { help: 'data configuration D (JSON)', value: 'FILE', required: true },
  model: { help: 'model configuration M (JSON)', value: 'FILE', required: true },
  optim: { help: 'optimizer configuration O (JSON)', value: 'FILE', required: true },
  sched: { help: 'learning rate schedule S (JSON)', value: 'FILE', required: true },
  label: { help: 'name of the run, and of its folder', value: 'NAME', required: true },
  out: { help: 'folder of runs', value: 'DIR', default: 'runs' },
  resume: {
    help: 'continue from a checkpoint (default: last.safetensors of the run, if there is one)',
    value: 'FILE',
    optional: true,
  },
  pretrained: {
    help: 'begin with the weights of a checkpoint, but those of a classifier of other size',
    value: 'FILE',
  },
  keep: { help: 'epochs whose checkpoints stay', value: 'N', least: 0, default: 3 },
  'save-every': {
    help: 'steps between checkpoints inside an epoch; 0: none but at its end',
    value: 'STEPS',
    least: 0,
    default: 0,
  },
  cache: cacheFlag,
  evaluate: {
    help: 'only evaluate: the best checkpoint of the run, or the one that --resume says',
  },
  ...progressFlags,
  ...computeFlags,
} as const;

/** `menet train` */
export const train = defineCommand({
  usage: '--data D --model M --optim O --sched S --label L',
  description:
    'Trains a network on folders of images, one per class. last.safetensors and best.safetensors\n' +
    'are kept in OUT/LABEL, where report.html shows how the run is doing. Ctrl-C ends after the\n' +
    'current step with a checkpoint, and --resume goes on from there; a second Ctrl-C ends at once.',
  example:
    'menet train --data data.json --model model.json --optim optim.json --sched sched.json --label a',
  flags,
  run({ values }) {
    const { pretrained, evaluate, resume } = values;
    if (pretrained !== undefined && (evaluate || resume !== undefined))
      reject('--pretrained', `a run without --${evaluate ? 'evaluate' : 'resume'}`, pretrained);
    return evaluate ? evaluateRun(values) : trainRun(values);
  },
});

async function trainRun(values: Values<typeof flags>): Promise<number> {
  requireGradients(values);
  const configurations = {
    data: readDataConfig(values.data),
    model: readModelConfig(values.model),
    optimizer: readOptimizerConfig(values.optim),
    schedule: readScheduleConfig(values.sched),
  };
  const folder = runFolder(values);
  makeOutputFolder(values.out);
  await useBackend(values);
  checkPrecision(`${values.optim}: field precision`, configurations.optimizer.precision);
  const progress = progressFor(values);
  const resume = values.resume === '' ? lastCheckpoint(folder, progress) : values.resume;
  const interrupt = new Interrupt(() => progress.note('ending after this step; again to end now'));
  const session = {
    ...configurations,
    folder,
    modelFile: values.model,
    resume,
    pretrained: values.pretrained,
    keep: values.keep,
    saveEvery: values['save-every'],
    cache: values.cache,
    seed: values.seed,
    progress,
    observers: [new RunRecorder({ folder, report: (message) => progress.note(message) })],
    signal: interrupt.signal,
  };
  return interrupt.run(async () => {
    const summary = await trainNetwork(session);
    if (values.json) printJson(summary);
    else console.log(describe(summary));
    return summary.interrupted ? interrupt.exitCode : 0;
  });
}

async function evaluateRun(values: Values<typeof flags>): Promise<number> {
  const data = readDataConfig(values.data);
  const { precision } = readOptimizerConfig(values.optim);
  const name = values.resume === '' ? 'last.safetensors' : 'best.safetensors';
  const file = values.resume || path.join(runFolder(values), name);
  await useBackend(values);
  const trained = await loadTrainedModel(values.model, file);
  checkPrecision(`${values.optim}: field precision`, precision);
  const request = { cache: values.cache, progress: progressFor(values), precision };
  printEvaluation(await evaluateTrained(trained, data, request), values.json);
  return 0;
}

function runFolder({ out, label }: { out: string; label: string }): string {
  if (path.basename(label) !== label || label.startsWith('.'))
    reject('--label', 'a name that a folder can have', label);
  return path.join(out, label);
}

/** As the published trainer: without a checkpoint the run starts from scratch, and says so. */
function lastCheckpoint(folder: string, progress: Progress): string | undefined {
  const file = path.join(folder, 'last.safetensors');
  if (existsSync(file)) return file;
  progress.note(`no checkpoint at ${file}; training from scratch`);
  return undefined;
}

function describe({ interrupted, stopped_early, best_top1, last, best }: TrainingSummary): string {
  if (interrupted) return `interrupted; --resume goes on from ${last}`;
  const ended = stopped_early ? 'stopped early; ' : '';
  return `${ended}best top-1 ${best_top1.toFixed(2)} %  ${best}`;
}
