/**
 * Writes PyTorch's zip format as torch.save does, so that `torch.load(weights_only=True)` reads
 * it: NAME/data.pkl holds the object, NAME/data/KEY the elements of each storage.
 */
import { reject } from '../errors.js';
import { writeFileAtomic } from './atomic_file.js';
import type { Checkpoint } from './checkpoint.js';
import { dataTypes, rawBytes } from './data_type.js';
import type { HostTensor } from './host_tensor.js';
import { elementCount, rowMajorStrides } from './host_tensor.js';
import { pickle } from './pickle.js';
import { printable, StorageRef, TensorRef } from './pickle_value.js';
import { trainerDict } from './trainer_dict.js';
import { ALIGNMENT, MAX_ENTRIES, zipStored, type StoredEntry } from './zip_writer.js';

// The reader takes no larger file.
const MAX_FILE = 2 ** 31 - 1;
// Bytes of an entry besides its data, at most: two headers with its name, and what aligns it.
const ENTRY_OVERHEAD = 256;

const storedTypes = [
  { array: Float64Array, type: 'float64' },
  { array: Float32Array, type: 'float32' },
  { array: BigInt64Array, type: 'int64' },
  { array: Int32Array, type: 'int32' },
  { array: Uint8Array, type: 'uint8' },
];

/**
 * Writes a PyTorch file atomically: the original trainer's dict with `state_dict`, `optimizer` as
 * torch.optim has it, and the rest of the metadata as plain values. What {@link readCheckpoint}
 * gives for it is the same checkpoint.
 * @throws InputError where a name is none of a checkpoint's, and where the file would be too large
 */
export async function writePth(file: string, checkpoint: Checkpoint): Promise<void> {
  const storages: Uint8Array[] = [];
  const store = ({ shape, data }: HostTensor, name: string): TensorRef => {
    if (elementCount(shape) !== data.length)
      reject(`${file}: ${printable(name)}`, `${elementCount(shape)} elements`, data.length);
    storages.push(rawBytes(data));
    const { type } = storedTypes.find(({ array }) => data instanceof array)!;
    const key = String(storages.length - 1);
    const storage = new StorageRef(key, dataTypes.get(type)!, data.length);
    return new TensorRef(storage, 0, shape, rowMajorStrides(shape));
  };
  const entries = archiveEntries(pickle(trainerDict(checkpoint, file, store)), storages);
  checkSize(entries, file);
  await writeFileAtomic(file, zipStored(entries));
}

function archiveEntries(root: Uint8Array, storages: readonly Uint8Array[]): StoredEntry[] {
  const entry = (name: string, data: Uint8Array) => ({ name: `archive/${name}`, data });
  return [
    entry('data.pkl', root),
    entry('.format_version', Buffer.from('1')),
    entry('.storage_alignment', Buffer.from(String(ALIGNMENT))),
    entry('byteorder', Buffer.from('little')),
    ...storages.map((data, key) => entry(`data/${key}`, data)),
    entry('version', Buffer.from('3\n')),
  ];
}

function checkSize(entries: readonly StoredEntry[], file: string): void {
  if (entries.length > MAX_ENTRIES) reject(file, `at most ${MAX_ENTRIES} tensors`, entries.length);
  const size = entries.reduce((sum, { data }) => sum + data.length + ENTRY_OVERHEAD, 0);
  if (size > MAX_FILE) reject(file, `at most ${MAX_FILE} bytes`, size);
}
