/**
 * Sorts what a PyTorch file pickled into tensors and metadata. Two layouts are known: the
 * original trainer's dict with `state_dict` and, for training checkpoints, `optimizer`; and a
 * plain dict of tensors by name.
 */
import { reject } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import type { HostTensor } from './host_tensor.js';
import { OptimizerReader } from './optimizer_state.js';
import { AVERAGE_DICT } from './trainer_dict.js';
import type { PickleDict, PickleValue } from './pickle_value.js';
import { describe, printable, TensorRef } from './pickle_value.js';
import { PlainConverter } from './plain_value.js';
import type { PickledFile } from './pth.js';

// What torch.nn.DataParallel puts before every name.
const PARALLEL_PREFIX = 'module.';

/**
 * @param file the path, for error messages
 * @param fileSize bytes; bounds what shared values may grow to
 * @throws InputError where there is no state_dict or an entry of it is no tensor
 */
export function readTrainerCheckpoint(
  pickled: PickledFile,
  file: string,
  fileSize: number,
): Checkpoint {
  const { root } = pickled;
  if (!(root instanceof Map)) return reject(file, 'a dict', describe(root));
  const training = root.has('state_dict');
  const refs = readStateDict(training ? root.get('state_dict') : root, file);
  const tensors = new Map<string, HostTensor>();
  const add = (name: string, ref: TensorRef): void => {
    if (tensors.has(name)) reject(`${file}: ${printable(name)}`, 'names that differ', 'it twice');
    tensors.set(name, pickled.tensor(ref, name));
  };
  for (const [name, ref] of refs) add(name, ref);
  if (!training) return { tensors, metadata: {} };

  // A tensor outside the known places is no weight; the numbers of 0-d ones are worth keeping.
  const scalar = (ref: TensorRef, name: string): unknown =>
    ref.shape.length === 0 ? Number(pickled.tensor(ref, name).data[0]) : describe(ref);
  const plain = new PlainConverter(file, fileSize, scalar);
  const rest: PickleDict = new Map(root);
  rest.delete('state_dict');
  if (rest.get(AVERAGE_DICT) instanceof Map) {
    for (const [name, ref] of readStateDict(rest.get(AVERAGE_DICT), file)) add(`ema.${name}`, ref);
    rest.delete(AVERAGE_DICT);
  }
  const optimizer = rest.get('optimizer');
  if (optimizer instanceof Map && optimizer.has('param_groups')) {
    const { slots, remainder } = new OptimizerReader(refs, file).read(optimizer);
    for (const [name, ref] of slots) add(name, ref);
    rest.set('optimizer', remainder);
  }
  return { tensors, metadata: plain.convert(rest, 'metadata') as Record<string, unknown> };
}

function readStateDict(value: PickleValue | undefined, file: string): Map<string, TensorRef> {
  if (!(value instanceof Map)) return reject(`${file}: state_dict`, 'a dict', describe(value));
  const parallel = [...value.keys()].every((key) => String(key).startsWith(PARALLEL_PREFIX));
  const tensors = new Map<string, TensorRef>();
  for (const [key, ref] of value) {
    if (typeof key !== 'string')
      return reject(`${file}: state_dict`, 'names as keys', describe(key));
    if (!(ref instanceof TensorRef))
      return reject(`${file}: ${printable(key)}`, 'a tensor', describe(ref));
    tensors.set(parallel ? key.slice(PARALLEL_PREFIX.length) : key, ref);
  }
  return tensors;
}
