import { reject } from '../errors.js';
import { type PickleDict, type PickleValue, printable, type TensorRef } from './pickle_value.js';
import { torchSlots } from './optimizer_state.js';
import { plainToPickle } from './plain_value.js';

/** A tensor that an optimizer keeps for a parameter. */
export interface Slot {
  slot: string;
  parameter: string;
  tensor: TensorRef;
}

/** What `metadata.optimizer` says, with the names of parameters where torch.optim has numbers. */
export interface OptimizerSettings {
  param_groups: { params: string[]; [setting: string]: unknown }[];
  /** What is known of parameters besides their slots, such as `step`. */
  state: Record<string, Record<string, unknown>>;
}

/**
 * The state_dict of a torch.optim optimizer: {state: {id: {slot: tensor}}, param_groups: [{params:
 * [id, ...], lr, ...}]}. PyTorch numbers the parameters through the groups; where that is not the
 * order of the model's state_dict, `param_names` says whose numbers they are, as PyTorch has it
 * for named parameters.
 * @param parameters names in the order of the state_dict
 * @param step what refers to a count of steps: PyTorch keeps it as a tensor, one per parameter
 * @throws InputError for settings and slots of other parameters, naming `file`
 */
export function optimizerDict(
  file: string,
  parameters: readonly string[],
  slots: readonly Slot[],
  { param_groups, state }: OptimizerSettings,
  step: (count: number, name: string) => TensorRef,
): PickleDict {
  const names = param_groups.flatMap(({ params }) => params);
  const inOrder = names.length === parameters.length && names.every((n, i) => n === parameters[i]);
  const entries = new Map(names.map((name): [string, PickleDict] => [name, new Map()]));
  for (const name of names)
    if (!parameters.includes(name) || entries.size !== names.length)
      reject(`${file}: optimizer params`, 'each of the weights at most once', printable(name));
  for (const { slot, parameter, tensor } of slots) {
    const entry = entries.get(parameter);
    if (!entry) reject(`${file}: optimizer`, `a slot ${slot} of its parameters`, parameter);
    else entry.set(torchSlots.find(({ name }) => name === slot)?.torch ?? slot, tensor);
  }
  for (const [name, others] of Object.entries(state)) {
    for (const [key, value] of Object.entries(others)) {
      const isStep = key === 'step' && typeof value === 'number';
      entries.get(name)?.set(key, isStep ? step(value, name) : plainToPickle(value, file));
    }
  }
  const ids = new Map(names.map((name, id) => [name, id]));
  const kept = [...entries].filter(([, entry]) => entry.size > 0);
  return new Map<string, PickleValue>([
    ['state', new Map(kept.map(([name, entry]) => [ids.get(name)!, entry]))],
    ['param_groups', param_groups.map((group) => groupDict(group, ids, inOrder, file))],
  ]);
}

function groupDict(
  { params, ...settings }: OptimizerSettings['param_groups'][number],
  ids: ReadonlyMap<string, number>,
  inOrder: boolean,
  file: string,
): PickleDict {
  const dict = plainToPickle(settings, file) as PickleDict;
  if (!inOrder) dict.set('param_names', [...params]);
  return dict.set(
    'params',
    params.map((name) => ids.get(name)!),
  );
}
