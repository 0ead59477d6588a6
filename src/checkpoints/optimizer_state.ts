import { reject } from '../errors.js';
import type { PickleDict, PickleKey, PickleValue } from './pickle_value.js';
import { describe, printable, TensorRef } from './pickle_value.js';

const BUFFER = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;

/** Whether a state entry is a parameter; an optimizer knows no others. */
export const isParameter = (name: string): boolean => !BUFFER.test(name);

// No optimizer keeps more per parameter; without bounds, long shared keys could be copied at will.
const MAX_SLOTS = 16;
const MAX_SLOT_NAME = 64;

/** What torch.optim calls a slot, where it is not what checkpoints call it. */
export const torchSlots: readonly { name: string; torch: string }[] = [
  { name: 'momentum', torch: 'momentum_buffer' },
];

/** An optimizer's tensors by `optimizer.SLOT.NAME`, and everything else about it. */
export interface OptimizerState {
  slots: Map<string, TensorRef>;
  remainder: PickleDict;
}

/**
 * Reads the state_dict of a torch.optim optimizer: {state: {id: {slot: tensor}}, param_groups:
 * [{params: [id, ...], lr, ...}]}. The ids say nothing by themselves; in the order of the groups
 * they are the model's parameters in the order of its state_dict, unless the groups have
 * `param_names` beside them.
 */
export class OptimizerReader {
  readonly #parameters: ReadonlyMap<string, TensorRef>;
  readonly #names: readonly string[];

  /** @param state the model's state_dict @param file the path, for error messages */
  constructor(
    state: ReadonlyMap<string, TensorRef>,
    readonly file: string,
  ) {
    this.#parameters = new Map([...state].filter(([name]) => isParameter(name)));
    this.#names = [...this.#parameters.keys()];
  }

  /** @throws InputError where the optimizer belongs to another model */
  read(optimizer: PickleDict): OptimizerState {
    const names = new Map<PickleValue, string>();
    const groups = this.#readGroups(optimizer.get('param_groups'), names);
    const named = groups.every((group) => group.has('param_names'));
    if (!named && names.size !== this.#parameters.size) {
      this.#fail('params', `${this.#parameters.size}, as in state_dict`, `${names.size}`);
    }
    const remainder: PickleDict = new Map(optimizer);
    for (const group of groups) group.delete('param_names');
    remainder.set('param_groups', groups);
    const state = optimizer.get('state');
    if (!(state instanceof Map)) return this.#fail('state', 'a dict', describe(state));
    const { slots, rest } = this.#readState(state, names);
    remainder.set('state', rest);
    return { slots, remainder };
  }

  /** The groups with names for ids; fills in the names. */
  #readGroups(groups: PickleValue | undefined, names: Map<PickleValue, string>): PickleDict[] {
    if (!Array.isArray(groups)) return this.#fail('param_groups', 'a list', describe(groups));
    return groups.map((group) => {
      const ids = group instanceof Map ? group.get('params') : undefined;
      if (!(group instanceof Map) || !Array.isArray(ids) || ids.length === 0) {
        return this.#fail('param_groups', 'dicts with params', describe(group));
      }
      const given = group.get('param_names');
      if (given !== undefined && !(Array.isArray(given) && given.length === ids.length)) {
        return this.#fail('param_names', `a list of ${ids.length}`, describe(given));
      }
      const params = ids.map((id, i) => this.#nameOf(id, given?.[i], names));
      return new Map(group).set('params', params);
    });
  }

  /** @param given the entry of `param_names`, where there is one */
  #nameOf(
    id: PickleValue,
    given: PickleValue | undefined,
    names: Map<PickleValue, string>,
  ): string {
    if (names.has(id)) this.#fail('params', 'each parameter once', describe(id));
    const name = given === undefined ? this.#names[names.size] : this.#given(given);
    if (name === undefined) return this.#fail('params', `${names.size}, as in state_dict`, 'more');
    names.set(id, name);
    return name;
  }

  #given(name: PickleValue): string {
    // DataParallel puts its prefix here as well.
    const plain = String(name).replace(/^module\./, '');
    const known = [String(name), plain].find((one) => this.#parameters.has(one));
    return known ?? this.#fail('param_names', 'names of state_dict', describe(name));
  }

  #readState(
    state: PickleDict,
    names: ReadonlyMap<PickleValue, string>,
  ): { slots: Map<string, TensorRef>; rest: PickleDict } {
    const seen = new Set<PickleValue>();
    const slots = new Map<string, TensorRef>();
    const rest: PickleDict = new Map();
    for (const [id, entries] of state) {
      const name = names.get(id);
      if (name === undefined) return this.#fail('state', 'ids of params', describe(id));
      if (!(entries instanceof Map) || entries.size > MAX_SLOTS || seen.has(entries)) {
        const expected = `a dict of its own, of at most ${MAX_SLOTS}`;
        return this.#fail(`state of ${printable(name)}`, expected, describe(entries));
      }
      seen.add(entries);
      const others: PickleDict = new Map();
      for (const [key, value] of entries) {
        if (this.#isSlot(key, value, name, this.#parameters.get(name)!)) {
          const slot = torchSlots.find(({ torch }) => torch === key)?.name ?? String(key);
          slots.set(`optimizer.${slot}.${name}`, value);
        } else {
          others.set(key, value);
        }
      }
      if (others.size > 0) rest.set(name, others);
    }
    return { slots, rest };
  }

  /** Whether an entry of a parameter's state is a tensor with an element for each of its own. */
  #isSlot(key: PickleKey, value: PickleValue, name: string, of: TensorRef): value is TensorRef {
    const shape = String(of.shape);
    if (value instanceof TensorRef && String(value.shape) === shape) {
      return typeof key === 'string' && key.length <= MAX_SLOT_NAME;
    }
    if (key === 'momentum_buffer' && value !== null) {
      this.#fail(`momentum of ${printable(name)}`, `shape [${shape}]`, describe(value));
    }
    return false;
  }

  #fail(what: string, expected: string, found: string): never {
    return reject(`${this.file}: optimizer ${printable(what)}`, expected, found);
  }
}
