import type { HostTensor } from '../checkpoints/checkpoint.js';
import type { Model } from '../models/model.js';
import { loadState, toPyTorch } from '../models/state.js';

/**
 * Gives a model the weights of a checkpoint, except those of a classifier for another number of
 * classes: the model keeps its own.
 * @param file the checkpoint's, for errors
 * @returns the entries that were not taken, with their shapes there
 * @throws InputError naming the first entry that does not fit otherwise; the model is unchanged
 */
export async function loadPretrained(
  model: Model,
  tensors: ReadonlyMap<string, HostTensor>,
  file: string,
): Promise<string[]> {
  const found = new Map(
    [...tensors].map(([name, tensor]) => [name.replace(/^module\./, ''), tensor]),
  );
  const left: string[] = [];
  for (const entry of model.classifierEntries) {
    const tensor = found.get(entry.name);
    if (!tensor || !differsInClasses(tensor.shape, entry.shape)) continue;
    left.push(`${entry.name} [${tensor.shape.join(', ')}]`);
    found.set(entry.name, await toPyTorch(entry, model.variables.get(entry.name)!));
  }
  loadState(model, found, file);
  return left;
}

function differsInClasses([found, ...inputs]: number[], [wanted, ...expected]: number[]): boolean {
  return found !== wanted && inputs.join() === expected.join();
}
