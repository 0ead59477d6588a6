/** Puts a checkpoint together as the original trainer saved it; trainer_checkpoint.ts reads it. */
import * as z from 'zod';
import { reject } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import type { HostTensor } from './host_tensor.js';
import { optimizerDict, type OptimizerSettings, type Slot } from './optimizer_dict.js';
import { isParameter } from './optimizer_state.js';
import { type PickleDict, printable, type TensorRef } from './pickle_value.js';
import { plainToPickle } from './plain_value.js';

/** Where the moving average of the weights (`ema.NAME`) goes; timm calls it so. */
export const AVERAGE_DICT = 'state_dict_ema';

const SLOT = /^optimizer\.([^.]+)\.(.+)$/s;
const AVERAGE = /^ema\.(.+)$/s;

type Store = (tensor: HostTensor, name: string) => TensorRef;

const settingsSchema = z.strictObject({
  param_groups: z.array(z.looseObject({ params: z.array(z.string()).min(1) })),
  state: z.record(z.string(), z.record(z.string(), z.unknown())).default(() => ({})),
});

/**
 * @param file the path, for error messages
 * @param store takes a tensor's elements and gives what refers to them
 * @throws InputError for what would not come back as it is
 */
export function trainerDict(
  { tensors, metadata }: Checkpoint,
  file: string,
  store: Store,
): PickleDict {
  const { weights, average, slots } = sortTensors(tensors, store);
  const { model_name, optimizer, ...rest } = metadata;
  const root: PickleDict = new Map();
  if (model_name !== undefined) root.set('model_name', plainToPickle(model_name, file));
  root.set('state_dict', weights);
  if (average.size > 0) root.set(AVERAGE_DICT, average);
  const parameters = [...weights.keys()].map(String).filter(isParameter);
  const settings = readSettings(optimizer, slots, parameters, file);
  if (settings) {
    const step = (count: number, name: string) =>
      store({ shape: [], data: Float32Array.of(count) }, name);
    root.set('optimizer', optimizerDict(file, parameters, slots, settings, step));
  } else if (optimizer !== undefined) root.set('optimizer', plainToPickle(optimizer, file));
  for (const [key, value] of Object.entries(rest)) {
    if (root.has(key)) reject(`${file}: metadata`, 'keys that differ', `${printable(key)} twice`);
    if (value !== undefined) root.set(key, plainToPickle(value, file));
  }
  return root;
}

function sortTensors(tensors: Checkpoint['tensors'], store: Store) {
  const weights: PickleDict = new Map();
  const average: PickleDict = new Map();
  const slots: Slot[] = [];
  for (const [name, tensor] of tensors) {
    const ref = store(tensor, name);
    const [, slot, parameter] = SLOT.exec(name) ?? [];
    const averaged = AVERAGE.exec(name)?.[1];
    if (parameter !== undefined) slots.push({ slot: slot!, parameter, tensor: ref });
    else if (averaged !== undefined) average.set(averaged, ref);
    else weights.set(name, ref);
  }
  return { weights, average, slots };
}

/** Slots without settings are of one optimizer over all parameters, of which no more is known. */
function readSettings(
  optimizer: unknown,
  slots: readonly Slot[],
  parameters: string[],
  file: string,
): OptimizerSettings | undefined {
  const { success, data } = settingsSchema.safeParse(optimizer);
  if (success) return data;
  if (slots.length === 0) return undefined;
  if (optimizer !== undefined) reject(`${file}: optimizer`, 'param_groups with params', optimizer);
  return { param_groups: [{ params: parameters }], state: {} };
}
