import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../checkpoints/checkpoint.js';
import { InputError } from '../errors.js';
import type { Model } from '../models/model.js';
import { getState, loadState, toPyTorch, toTfjs } from '../models/state.js';
import type { Optimizer } from './optimizer.js';

const optimizerPrefix = 'optimizer.';

const nameOf = (slot: string, parameter: string) => `${optimizerPrefix}${slot}.${parameter}`;

/** A model's state and its optimizer's slots, as a checkpoint holds them. */
export async function captureTensors(
  model: Model,
  optimizer: Optimizer,
): Promise<Map<string, HostTensor>> {
  const tensors = await getState(model);
  for (const [slot, buffers] of optimizer.slots) {
    for (const entry of model.entries) {
      const buffer = buffers.get(entry.name);
      if (buffer) tensors.set(nameOf(slot, entry.name), await toPyTorch(entry, buffer));
    }
  }
  return tensors;
}

/**
 * Sets a model's state and its optimizer's slots from a checkpoint; one that holds weights alone
 * leaves the optimizer before its first step.
 * Throws an InputError, naming `file`, where the checkpoint does not fit.
 * @param stepCount steps that the optimizer had taken
 */
export function restoreTensors(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  model: Model,
  optimizer: Optimizer,
  stepCount: number,
): void {
  loadState(model, tensors, file);
  const hasSlots = [...tensors.keys()].some((name) => name.startsWith(optimizerPrefix));
  if (!hasSlots && optimizer.slots.size > 0) return;
  optimizer.resume(stepCount);
  tf.tidy(() => {
    for (const [slot, buffers] of optimizer.slots) {
      for (const entry of model.entries) {
        const name = nameOf(slot, entry.name);
        const found = tensors.get(name);
        if (!buffers.has(entry.name)) continue;
        if (found?.shape.join() !== entry.shape.join())
          throw new InputError(
            `${file}: entry ${name}: expected [${entry.shape.join(', ')}], ` +
              `got ${found ? `[${found.shape.join(', ')}]` : 'nothing'}`,
          );
        buffers.get(entry.name)!.assign(toTfjs(entry, found));
      }
    }
  });
}
