import { reject } from '../errors.js';
import type { DataType, HostArray } from './data_type.js';
import type { HostTensor } from './host_tensor.js';
import { elementCount, gatherStrided, isContiguous } from './host_tensor.js';
import type { Fail, PickleValue, TensorRef } from './pickle_value.js';
import { describe, isCount, printable, StorageRef, StorageType, Tuple } from './pickle_value.js';

// Tensors may share elements (tied weights), but not so that a small file fills the memory.
const MAX_SHARING = 4;

/** The storages that a pickle refers to, and the tensors that view them. */
export class StorageTable {
  readonly storages = new Map<string, { type: DataType; length: number }>();
  readonly #decoded = new Map<string, HostArray>();
  #bytesLeft: number;

  /** @param fileSize bytes; all tensors together may be a few times as large */
  constructor(
    readonly file: string,
    fileSize: number,
  ) {
    this.#bytesLeft = MAX_SHARING * fileSize;
  }

  /**
   * Reads a persistent id: ('storage', type, key, location, length) and, in the legacy format, a
   * view (key, offset, length) or None. The location (`cpu`, `cuda:0`) does not matter here.
   */
  readonly persistentLoad = (id: PickleValue, fail: Fail): StorageRef => {
    if (!(id instanceof Tuple) || id.items[0] !== 'storage') return fail('a storage tuple', id);
    const [, type, key, , length, view] = id.items;
    if (!(type instanceof StorageType)) return fail('a type of storage', type);
    if (typeof key !== 'string') return fail('a string as storage key', key);
    if (!isCount(length)) return fail('a storage length', length);
    const known = this.storages.get(key);
    if (known && (known.type !== type.type || known.length !== length)) {
      const seen = `${known.length} ${known.type.name}`;
      return fail(`storage ${printable(key)} of ${seen}`, `${length} ${type.type.name}`);
    }
    this.storages.set(key, { type: type.type, length });
    if (view === undefined || view === null) return new StorageRef(key, type.type, length);
    return viewOf(view, new StorageRef(key, type.type, length), fail);
  };

  /** Takes the raw elements of a storage. */
  fill(key: string, raw: Uint8Array): void {
    const { type } = this.storages.get(key)!;
    this.#decoded.set(key, type.decode(raw));
  }

  /** A tensor's elements; where they lie in order, a view of the storage. */
  readonly tensor = ({ storage, offset, shape, strides }: TensorRef, name: string): HostTensor => {
    const count = elementCount(shape);
    this.#bytesLeft -= count * storage.type.bytes;
    if (this.#bytesLeft < 0) {
      const bound = `tensors of at most ${MAX_SHARING} times the file's size together`;
      reject(`${this.file}: ${printable(name)}`, bound, `shape [${shape.slice(0, 8)}]`);
    }
    const data = this.#decoded.get(storage.key)!;
    return {
      shape: [...shape],
      data: isContiguous(shape, strides)
        ? data.subarray(offset, offset + count)
        : gatherStrided(data, offset, shape, strides),
    };
  };
}

function viewOf(view: PickleValue, root: StorageRef, fail: Fail): StorageRef {
  const [, offset, length] = view instanceof Tuple ? view.items : [];
  if (!isCount(offset) || !isCount(length) || offset + length > root.length) {
    return fail(`a view within ${root.length} elements`, describe(view));
  }
  return new StorageRef(root.key, root.type, root.length, offset, length);
}
