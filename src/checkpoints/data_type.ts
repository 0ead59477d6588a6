/** Host memory of a tensor; float16 and bfloat16 are widened to float32, small integers to int32. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array;

/** The bytes of an array, little-endian as files have them; a view. */
export function rawBytes(data: HostArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** An element type of a checkpoint file, stored little-endian. */
export interface DataType {
  readonly name: string;
  readonly bytes: number;
  /** Copies raw elements (any alignment) into an array of their own. */
  decode(raw: Uint8Array): HostArray;
}

function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

// `new Uint8Array(raw)` copies to offset 0 of a fresh buffer: file offsets are rarely aligned.
const aligned = (raw: Uint8Array): ArrayBuffer => new Uint8Array(raw).buffer;

function bfloat16(raw: Uint8Array): Float32Array {
  const bits = Uint32Array.from(new Uint16Array(aligned(raw)), (b) => b << 16);
  return new Float32Array(bits.buffer);
}

const types: DataType[] = [
  { name: 'float64', bytes: 8, decode: (raw) => new Float64Array(aligned(raw)) },
  { name: 'float32', bytes: 4, decode: (raw) => new Float32Array(aligned(raw)) },
  {
    name: 'float16',
    bytes: 2,
    decode: (raw) => Float32Array.from(new Uint16Array(aligned(raw)), float16),
  },
  { name: 'bfloat16', bytes: 2, decode: bfloat16 },
  { name: 'int64', bytes: 8, decode: (raw) => new BigInt64Array(aligned(raw)) },
  { name: 'int32', bytes: 4, decode: (raw) => new Int32Array(aligned(raw)) },
  { name: 'int16', bytes: 2, decode: (raw) => new Int32Array(new Int16Array(aligned(raw))) },
  { name: 'int8', bytes: 1, decode: (raw) => new Int32Array(new Int8Array(aligned(raw))) },
  { name: 'uint8', bytes: 1, decode: (raw) => new Uint8Array(raw) },
  { name: 'bool', bytes: 1, decode: (raw) => Uint8Array.from(raw, (b) => (b ? 1 : 0)) },
];

/** Element types by PyTorch's name without `torch.`. */
export const dataTypes: ReadonlyMap<string, DataType> = new Map(types.map((t) => [t.name, t]));
