import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../checkpoints/checkpoint.js';
import { InputError } from '../errors.js';
import type { Model } from '../models/model.js';
import { getState, loadState, toPyTorch, toTfjs } from '../models/state.js';
import type { Optimizer } from './optimizer.js';
import type { WeightAverage } from './weight_average.js';

/** What a training checkpoint has tensors of. */
export interface Trained {
  model: Model;
  optimizer: Optimizer;
  average?: WeightAverage | undefined;
}

const optimizerPrefix = 'optimizer.';
const averagePrefix = 'ema.';

/** Variables beside the model's own: prefix of their names in a checkpoint, and parameter name. */
type Companions = [prefix: string, variables: ReadonlyMap<string, tf.Variable>][];

function slotsOf(optimizer: Optimizer): Companions {
  return [...optimizer.slots].map(([slot, buffers]) => [`${optimizerPrefix}${slot}.`, buffers]);
}

/** A model's state, its optimizer's slots and its moving average, as a checkpoint holds them. */
export async function captureTensors({
  model,
  optimizer,
  average,
}: Trained): Promise<Map<string, HostTensor>> {
  const tensors = await getState(model);
  const companions = slotsOf(optimizer);
  if (average) companions.push([averagePrefix, average.values]);
  for (const [prefix, variables] of companions) {
    for (const entry of model.entries) {
      const variable = variables.get(entry.name);
      if (variable) tensors.set(prefix + entry.name, await toPyTorch(entry, variable));
    }
  }
  return tensors;
}

/**
 * Sets a model's state, its optimizer's slots and its moving average from a checkpoint; one that
 * holds weights alone leaves the optimizer before its first step, and the average begins with them.
 * Throws an InputError, naming `file`, where the checkpoint does not fit.
 * @param stepCount steps that the optimizer had taken
 */
export function restoreTensors(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  { model, optimizer, average }: Trained,
  stepCount: number,
): void {
  loadState(model, tensors, file);
  const holds = (prefix: string) => [...tensors.keys()].some((name) => name.startsWith(prefix));
  if (holds(optimizerPrefix) || optimizer.slots.size === 0) {
    optimizer.resume(stepCount);
    for (const companion of slotsOf(optimizer)) restore(file, tensors, model, companion);
  }
  if (!average) return;
  if (holds(averagePrefix)) restore(file, tensors, model, [averagePrefix, average.values]);
  else average.reset();
}

function restore(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  model: Model,
  [prefix, variables]: Companions[number],
): void {
  for (const entry of model.entries) {
    const variable = variables.get(entry.name);
    if (!variable) continue;
    const name = prefix + entry.name;
    const found = tensors.get(name);
    if (found?.shape.join() !== entry.shape.join())
      throw new InputError(
        `${file}: entry ${name}: expected [${entry.shape.join(', ')}], ` +
          `got ${found ? `[${found.shape.join(', ')}]` : 'nothing'}`,
      );
    tf.tidy(() => variable.assign(toTfjs(entry, found)));
  }
}
