import type { DataType } from './data_type.js';
import { dataTypes } from './data_type.js';
import { elementCount } from './host_tensor.js';
import type { Fail, PickleDict, PickleValue } from './pickle_value.js';
import { Constructor, isCount, StorageRef, StorageType, TensorRef, Tuple } from './pickle_value.js';
import { setItem } from './pickle_dict.js';

// PyTorch itself allows no more dimensions.
const maxRank = 64;

/** `collections.OrderedDict()`, or of a list of pairs as Python 2 wrote it. */
function orderedDict(
  args: readonly PickleValue[],
  fail: Fail,
  spend: (work: number) => void,
): PickleDict {
  const dict: PickleDict = new Map();
  if (args.length === 0) return dict;
  const pairs = itemsOf(args[0]);
  if (args.length > 1 || !pairs) return fail('a list of pairs', args[0]);
  spend(pairs.length);
  for (const pair of pairs) {
    const items = itemsOf(pair);
    if (items?.length !== 2) return fail('a pair', pair);
    setItem(dict, items[0], items[1], fail);
  }
  return dict;
}

/** `_rebuild_tensor(storage, offset, size, strides)`; later versions append what is not data. */
function rebuildTensor(args: readonly PickleValue[], fail: Fail): TensorRef {
  const [storage, offset] = args;
  if (!(storage instanceof StorageRef)) return fail('a storage', storage);
  if (!isCount(offset)) return fail('a storage offset', offset);
  const shape = counts(args[2], 'sizes', fail);
  const strides = counts(args[3], 'strides', fail);
  if (shape.length !== strides.length) return fail(`${shape.length} strides`, args[3]);
  const last = shape.reduce((at, size, d) => at + (size - 1) * strides[d]!, offset);
  if (elementCount(shape) > 0 && !(last < storage.viewLength)) {
    return fail(`elements within the storage's ${storage.viewLength}`, `element ${last}`);
  }
  return new TensorRef(storage, storage.viewOffset + offset, shape, strides);
}

function rebuildParameter(args: readonly PickleValue[], fail: Fail): TensorRef {
  return args[0] instanceof TensorRef ? args[0] : fail('a tensor', args[0]);
}

/** `torch.Size(sizes)`: a tuple by another name. */
function size(args: readonly PickleValue[], fail: Fail): Tuple {
  return new Tuple(counts(args[0], 'sizes', fail));
}

function device(args: readonly PickleValue[], fail: Fail): string {
  return typeof args[0] === 'string' ? args[0] : fail('a device name', args[0]);
}

function counts(value: PickleValue | undefined, what: string, fail: Fail): number[] {
  const items = itemsOf(value);
  if (!items || items.length > maxRank) return fail(`at most ${maxRank} ${what}`, value);
  return items.map((item) => (isCount(item) ? item : fail(`${what} from 0 up`, item)));
}

function itemsOf(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return value instanceof Tuple ? value.items : Array.isArray(value) ? value : undefined;
}

const storageTypes = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/** What torch calls a storage of this element type. */
export function storageTypeName(type: DataType): string {
  return Object.entries(storageTypes).find(([, name]) => name === type.name)![0];
}

const constructors = [
  new Constructor('collections.OrderedDict', orderedDict),
  new Constructor('torch._utils._rebuild_tensor', rebuildTensor),
  new Constructor('torch._utils._rebuild_tensor_v2', rebuildTensor),
  new Constructor('torch._utils._rebuild_parameter', rebuildParameter),
  new Constructor('torch.Size', size),
  new Constructor('torch.device', device),
];

/**
 * Every global that a pickle may name, by `module.name`, and what stands for it here. Nothing is
 * ever looked up anywhere else.
 */
export const pickleGlobals: ReadonlyMap<string, PickleValue> = new Map<string, PickleValue>([
  ...constructors.map((c): [string, PickleValue] => [c.name, c]),
  ...Object.entries(storageTypes).map(([name, type]): [string, PickleValue] => [
    `torch.${name}`,
    new StorageType(dataTypes.get(type)!),
  ]),
  ...[...dataTypes.keys()].map((name): [string, PickleValue] => [`torch.${name}`, `torch.${name}`]),
]);
