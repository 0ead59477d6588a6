import type { DataType } from './data_type.js';

/** What a pickle of a checkpoint can hold. Dictionaries are Maps: no key can reach a prototype. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | Tuple
  | PickleDict
  | StorageRef
  | TensorRef
  | StorageType
  | Constructor;

export type PickleKey = string | number | bigint | boolean;
export type PickleDict = Map<PickleKey, PickleValue>;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A named type of storage, such as `torch.FloatStorage`. */
export class StorageType {
  constructor(readonly type: DataType) {}
}

/** Elements kept outside the pickle, under a key. Two references to one key are one storage. */
export class StorageRef {
  constructor(
    readonly key: string,
    readonly type: DataType,
    /** elements in the whole storage */
    readonly length: number,
    /** the part of it that this reference sees */
    readonly viewOffset = 0,
    readonly viewLength = length,
  ) {}
}

/** A strided view of a storage; offset and strides in elements, checked to stay inside. */
export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Reports a value that is not what it should be, naming the opcode and its place in the file. */
export type Fail = (expected: string, found: PickleValue | undefined) => never;

/** Something of ours that stands for a callable of Python's; `spend` pays for work per element. */
export class Constructor {
  constructor(
    readonly name: string,
    readonly call: (
      args: readonly PickleValue[],
      fail: Fail,
      spend: (work: number) => void,
    ) => PickleValue,
  ) {}
}

/** A few words about a value, never longer than a line whatever the value is. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `string ${JSON.stringify(printable(value))}`;
  if (typeof value === 'bigint') return `integer ${printable(value.toString())}`;
  if (value === null || typeof value !== 'object') return `${typeof value} ${value}`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (value instanceof Map) return `dict of ${value.size}`;
  if (value instanceof Tuple) return `tuple of ${value.items.length}`;
  if (value instanceof TensorRef)
    return `tensor ${value.storage.type.name} [${value.shape.slice(0, 8)}]`;
  if (value instanceof StorageRef) return `storage ${printable(value.key)}`;
  if (value instanceof StorageType) return `storage type ${value.type.name}`;
  return value.name;
}

/** Text of a file for an error message: at most 80 characters, none that would end the line. */
export function printable(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** A count of elements: an integer from 0 that a double holds. */
export function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
