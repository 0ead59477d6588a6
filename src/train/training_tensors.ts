import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../checkpoints/checkpoint.js';
import { InputError } from '../errors.js';
import type { Model } from '../models/model.js';
import { getState, loadState, toPyTorch, toTfjs } from '../models/state.js';
import type { Sgd } from './optimizer.js';

const slotPrefix = 'optimizer.momentum.';

/** A model's state and its optimizer's momentum, as a checkpoint holds them. */
export async function captureTensors(
  model: Model,
  optimizer: Sgd,
): Promise<Map<string, HostTensor>> {
  const tensors = await getState(model);
  for (const entry of model.entries) {
    const momentum = optimizer.momentum.get(entry.name);
    if (momentum) tensors.set(slotPrefix + entry.name, await toPyTorch(entry, momentum));
  }
  return tensors;
}

/**
 * Sets a model's state and its optimizer's momentum from a checkpoint; one without momentum
 * leaves the optimizer before its first step.
 * Throws an InputError, naming `file`, where the checkpoint does not fit.
 */
export function restoreTensors(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  model: Model,
  optimizer: Sgd,
): void {
  loadState(model, tensors, file);
  const hasMomentum = [...tensors.keys()].some((name) => name.startsWith(slotPrefix));
  if (!hasMomentum || !optimizer.usesMomentum) return;
  const momentum = optimizer.resume();
  tf.tidy(() => {
    for (const entry of model.entries) {
      const buffer = momentum.get(entry.name);
      if (!buffer) continue;
      const found = tensors.get(slotPrefix + entry.name);
      if (found?.shape.join() !== entry.shape.join())
        throw new InputError(
          `${file}: entry ${slotPrefix}${entry.name}: expected [${entry.shape.join(', ')}], ` +
            `got ${found ? `[${found.shape.join(', ')}]` : 'nothing'}`,
        );
      buffer.assign(toTfjs(entry, found));
    }
  });
}
