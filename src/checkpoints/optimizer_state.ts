import { reject } from '../errors.js';
import type { PickleDict, PickleKey, PickleValue } from './pickle_value.js';
import { describe, printable, TensorRef } from './pickle_value.js';

// State entries that are no parameters, and so unknown to the optimizer.
const BUFFER = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;

// No optimizer keeps more per parameter; without bounds, long shared keys could be copied at will.
const MAX_SLOTS = 16;
const MAX_SLOT_NAME = 64;

const SLOT_NAMES: ReadonlyMap<string, string> = new Map([['momentum_buffer', 'momentum']]);

/** An optimizer's tensors by `optimizer.SLOT.NAME`, and everything else about it. */
export interface OptimizerState {
  slots: Map<string, TensorRef>;
  remainder: PickleDict;
}

/**
 * Reads the state_dict of a torch.optim optimizer: {state: {id: {slot: tensor}}, param_groups:
 * [{params: [id, ...], lr, ...}]}. The ids say nothing by themselves; in the order of the groups
 * they are the model's parameters in the order of its state_dict.
 */
export class OptimizerReader {
  readonly #parameters: [string, TensorRef][];

  /** @param state the model's state_dict @param file the path, for error messages */
  constructor(
    state: ReadonlyMap<string, TensorRef>,
    readonly file: string,
  ) {
    this.#parameters = [...state].filter(([name]) => !BUFFER.test(name));
  }

  /** @throws InputError where the optimizer belongs to another model */
  read(optimizer: PickleDict): OptimizerState {
    const names = new Map<PickleValue, string>();
    const groups = this.#readGroups(optimizer.get('param_groups'), names);
    if (names.size !== this.#parameters.length) {
      this.#fail('params', `${this.#parameters.length}, as in state_dict`, `${names.size}`);
    }
    const remainder: PickleDict = new Map(optimizer);
    remainder.set('param_groups', groups);
    const state = optimizer.get('state');
    if (!(state instanceof Map)) return this.#fail('state', 'a dict', describe(state));
    const { slots, rest } = this.#readState(state, names);
    remainder.set('state', rest);
    return { slots, remainder };
  }

  /** The groups with names for ids; fills in the names. */
  #readGroups(groups: PickleValue | undefined, names: Map<PickleValue, string>): PickleValue[] {
    if (!Array.isArray(groups)) return this.#fail('param_groups', 'a list', describe(groups));
    return groups.map((group) => {
      const ids = group instanceof Map ? group.get('params') : undefined;
      if (!(group instanceof Map) || !Array.isArray(ids) || ids.length === 0) {
        return this.#fail('param_groups', 'dicts with params', describe(group));
      }
      const params = ids.map((id) => this.#nameOf(id, names));
      return new Map(group).set('params', params);
    });
  }

  #nameOf(id: PickleValue, names: Map<PickleValue, string>): string {
    if (names.has(id)) this.#fail('params', 'each parameter once', describe(id));
    const parameter = this.#parameters[names.size];
    if (!parameter) return this.#fail('params', `${names.size}, as in state_dict`, 'more');
    names.set(id, parameter[0]);
    return parameter[0];
  }

  #readState(
    state: PickleDict,
    names: ReadonlyMap<PickleValue, string>,
  ): { slots: Map<string, TensorRef>; rest: PickleDict } {
    const parameters = new Map(this.#parameters);
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
        if (this.#isSlot(key, value, name, parameters.get(name)!)) {
          slots.set(`optimizer.${SLOT_NAMES.get(String(key)) ?? String(key)}.${name}`, value);
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
