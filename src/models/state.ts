import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../checkpoints/checkpoint.js';
import { InputError } from '../errors.js';
import type { StateEntry, StateRole } from './block.js';
import type { Model } from './model.js';

/** Axes of PyTorch's layout in tfjs' order, and back; vectors are the same in both. */
const layouts: Partial<Record<StateRole, { toTfjs: number[]; toPyTorch: number[] }>> = {
  conv: { toTfjs: [2, 3, 1, 0], toPyTorch: [3, 2, 0, 1] },
  depthwise: { toTfjs: [2, 3, 0, 1], toPyTorch: [2, 3, 0, 1] },
  linear: { toTfjs: [1, 0], toPyTorch: [1, 0] },
};

/** A state entry's tensor in tfjs layout, from its values in PyTorch layout. */
export function toTfjs({ role }: StateEntry, { shape, data }: HostTensor): tf.Tensor {
  const values = Float32Array.from(data as Float32Array);
  const axes = layouts[role]?.toTfjs;
  return tf.tidy(() => {
    const tensor = tf.tensor(values, shape, 'float32');
    return axes ? tf.transpose(tensor, axes) : tensor;
  });
}

/**
 * Gives a model the weights of a checkpoint, in PyTorch layout under the published names. A prefix
 * `module.` is dropped; `num_batches_tracked`, the optimizer's slots (`optimizer.`) and the moving
 * average (`ema.`) are passed over.
 * @param source the checkpoint's file, for errors
 * @throws InputError naming the first entry that is missing, misshaped, not of floating point or
 *   not the model's; the model is then unchanged
 */
export function loadState(
  model: Model,
  tensors: ReadonlyMap<string, HostTensor>,
  source = 'checkpoint',
): void {
  const found = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    if (/^(optimizer|ema)\.|\.num_batches_tracked$/.test(name)) continue;
    found.set(name.replace(/^module\./, ''), tensor);
  }
  for (const entry of model.entries) checkEntry(source, entry, found.get(entry.name));
  const known = new Set(model.entries.map((entry) => entry.name));
  for (const name of found.keys()) {
    if (!known.has(name)) {
      throw new InputError(`${source}: expected the entries of ${model.name}, got ${name} too`);
    }
  }
  tf.tidy(() => {
    for (const entry of model.entries) {
      model.variables.get(entry.name)?.assign(toTfjs(entry, found.get(entry.name) as HostTensor));
    }
  });
}

function checkEntry(source: string, { name, shape }: StateEntry, found?: HostTensor): void {
  const expected = `${source}: entry ${name}: expected [${shape.join(', ')}]`;
  if (!found) throw new InputError(`${expected}, got nothing`);
  if (found.shape.join() !== shape.join()) {
    throw new InputError(`${expected}, got [${found.shape.join(', ')}]`);
  }
  if (!(found.data instanceof Float32Array || found.data instanceof Float64Array)) {
    throw new InputError(`${expected} of floating point, got ${found.data.constructor.name}`);
  }
}

/** A tensor of a state entry's shape, on its way back: in PyTorch layout, in host memory. */
export async function toPyTorch(
  { role, shape }: StateEntry,
  tensor: tf.Tensor,
): Promise<HostTensor> {
  const axes = layouts[role]?.toPyTorch;
  const turned = axes ? tf.transpose(tensor, axes) : tensor.clone();
  const data = (await turned.data<'float32'>()).slice();
  turned.dispose();
  return { shape: [...shape], data };
}

/** A model's state in published order, in PyTorch layout. */
export async function getState(model: Model): Promise<Map<string, HostTensor>> {
  const state = new Map<string, HostTensor>();
  for (const entry of model.entries) {
    state.set(entry.name, await toPyTorch(entry, model.variables.get(entry.name) as tf.Variable));
  }
  return state;
}
