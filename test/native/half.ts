import { type Native, type NativeTensor } from '../../src/native.js';
import { type Values } from './float64.js';

export type HalfType = 'bfloat16' | 'float16';
export type StorageType = 'float32' | HalfType;

export const halfTypes: HalfType[] = ['bfloat16', 'float16'];

/** Half the distance of neighbours, relative: what rounding to the type may change. */
export const rounding: Record<HalfType, number> = { bfloat16: 2 ** -9, float16: 2 ** -12 };

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The tensor as another type; frees it where that is a new one. */
function cast(door: Native, tensor: NativeTensor, dtype: StorageType): NativeTensor {
  if (tensor.dtype === dtype) return tensor;
  const [result] = door.run('Cast', [tensor], { dtype }) as [NativeTensor];
  door.free(tensor.id);
  return result;
}

/** A tensor of the values, rounded to the type on the CPU; the caller frees it. */
export function upload(
  door: Native,
  { shape, data }: { shape: number[]; data: ArrayLike<number> },
  dtype: StorageType,
  device = 'cpu',
): NativeTensor {
  const values = Float32Array.from(data);
  const id = door.allocate(values.byteLength);
  door.write(id, values);
  const tensor = cast(door, { id, shape, dtype: 'float32' }, dtype);
  return device === 'cpu' ? tensor : moved(door, tensor, device);
}

/** The tensor's values, converted on the CPU; frees it. */
export function download(door: Native, tensor: NativeTensor): Values {
  const { id, shape } = cast(door, moved(door, tensor, 'cpu'), 'float32');
  const values = new Float32Array(size(shape));
  door.read(id, values);
  door.free(id);
  return { shape, data: Float64Array.from(values) };
}

/** The tensor on another device; frees this one. */
function moved(door: Native, { id, shape, dtype }: NativeTensor, device: string): NativeTensor {
  const bytes = new Uint8Array(size(shape) * (dtype === 'float32' ? 4 : 2));
  door.read(id, bytes);
  door.free(id);
  const copy = door.allocate(bytes.byteLength, device);
  door.write(copy, bytes);
  return { id: copy, shape, dtype };
}

/** The values as the type stores them. */
export function rounded(door: Native, values: Values, dtype: StorageType): Values {
  return download(door, upload(door, values, dtype));
}
