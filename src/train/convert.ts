import { existsSync, statSync } from 'node:fs';
import {
  type Checkpoint,
  type HostTensor,
  readCheckpoint,
  writePth,
  writeSafetensors,
} from '../checkpoints/checkpoint.js';
import { InputError, reject } from '../errors.js';
import { createModel, type Model, type ModelConfig } from '../models/model.js';
import { loadState } from '../models/state.js';
import { checkOptimizerConfig } from './optimizer_config.js';
import { torchOptimizer } from './torch_optimizer.js';
import { readTrainingState } from './training_state.js';

export interface ConvertOptions {
  model: ModelConfig;
  input: string;
  /** `.safetensors`, or for PyTorch `.pth.tar`, `.pth` or `.pt`. */
  output: string;
  /** Names of the classes, for a checkpoint without. */
  classes?: readonly string[];
  /** Goes to the metadata as `name`. */
  name?: string;
}

/** What a conversion wrote, in numbers of tensors. */
export interface Conversion {
  input: string;
  output: string;
  weights: number;
  /** The weights' moving average. */
  average: number;
  optimizer: number;
  /** Names of classes; 0 where they are not known. */
  classes: number;
}

/**
 * Writes a checkpoint in the format that the output's extension says, under plain names, values
 * as they are. TensorFlow.js needs a backend.
 * @throws InputError where the checkpoint is not the model's, and where the output cannot be written
 */
export async function convertCheckpoint(options: ConvertOptions): Promise<Conversion> {
  const { model: config, input, output } = options;
  const format = formats.find(({ extension }) => output.toLowerCase().endsWith(extension));
  if (!format) return reject('--output', `a file name ending in ${extensions.join(', ')}`, output);
  requireOther(input, output);
  const { tensors: found, metadata } = await readCheckpoint(input);
  const tensors = plainNames(found, input);
  const model = createModel(config);
  try {
    requireFit(model, tensors, input);
    const classes = matchClasses(metadata.classes, options, input);
    const name = options.name ?? metadata.name;
    const checkpoint = { tensors, metadata: { ...metadata, name, classes } };
    await format.write(output, { tensors, metadata: format.complete(checkpoint, model, input) });
    return { input, output, ...countTensors(tensors), classes: classes?.length ?? 0 };
  } finally {
    model.dispose();
  }
}

type Complete = (checkpoint: Checkpoint, model: Model, input: string) => Checkpoint['metadata'];

interface Format {
  extension: string;
  write(file: string, checkpoint: Checkpoint): Promise<void>;
  /** The metadata as this format has it. */
  complete: Complete;
}

/** What torch.optim wants to know follows from the configuration, where there is one. */
const addOptimizer: Complete = ({ tensors, metadata }, model, input) => {
  const { optimizer } = (metadata.configuration ?? {}) as { optimizer?: unknown };
  if (optimizer === undefined) return metadata;
  const config = checkOptimizerConfig(`${input}: configuration.optimizer`, optimizer);
  const state = readTrainingState(input, metadata);
  return { ...metadata, optimizer: torchOptimizer(model, config, state, tensors) };
};

const dropOptimizer: Complete = ({ metadata }) =>
  metadata.configuration === undefined ? metadata : { ...metadata, optimizer: undefined };

const formats: Format[] = [
  { extension: '.safetensors', write: writeSafetensors, complete: dropOptimizer },
  ...['.pth.tar', '.pth', '.pt'].map((extension) => ({
    extension,
    write: writePth,
    complete: addOptimizer,
  })),
];
const extensions = formats.map(({ extension }) => extension);

function requireOther(input: string, output: string): void {
  if (!existsSync(output) || !existsSync(input)) return;
  const [from, to] = [statSync(input), statSync(output)];
  if (from.dev === to.dev && from.ino === to.ino)
    reject('--output', 'another file than the input', output);
}

/** Takes off the prefix of data-parallel training, wherever a name holds it. */
function plainNames(tensors: Checkpoint['tensors'], input: string): Map<string, HostTensor> {
  const plain = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    const short = name.replace(/^(optimizer\.[^.]+\.|ema\.|)module\./, '$1');
    if (plain.has(short)) reject(input, 'names that differ', `${short} twice`);
    plain.set(short, tensor);
  }
  return plain;
}

/** Weights as the model's, and what belongs to a weight of the shape of that weight. */
function requireFit(model: Model, tensors: Checkpoint['tensors'], input: string): void {
  const weights = [...tensors].filter(([name]) => !BESIDE.test(name));
  loadState(model, new Map(weights), input);
  const shapes = new Map(model.entries.map(({ name, shape }) => [name, shape]));
  for (const [name, { shape }] of tensors) {
    const of = BESIDE.exec(name)?.[1];
    const expected = of === undefined ? shape : shapes.get(of);
    if (expected?.join() !== shape.join())
      throw new InputError(
        `${input}: entry ${name}: expected ${expected ? `[${expected.join(', ')}]` : 'a weight of the model'}, ` +
          `got [${shape.join(', ')}]`,
      );
  }
}

const BESIDE = /^(?:optimizer\.[^.]+|ema)\.(.+)$/s;

function countTensors(tensors: Checkpoint['tensors']) {
  const count = (prefix: string) =>
    [...tensors.keys()].filter((name) => name.startsWith(prefix)).length;
  const [average, optimizer] = [count('ema.'), count('optimizer.')];
  return { weights: tensors.size - average - optimizer, average, optimizer };
}

function matchClasses(
  found: unknown,
  { classes, model }: ConvertOptions,
  input: string,
): readonly string[] | undefined {
  const names = (found ?? classes) as readonly string[] | undefined;
  if (classes && JSON.stringify(names) !== JSON.stringify(classes))
    reject(`${input}: classes`, `${JSON.stringify(classes)}, as in the data`, found);
  if (names && names.length !== model.num_classes)
    reject(`${input}: classes`, `${model.num_classes}, as in the model`, names.length);
  return names;
}
