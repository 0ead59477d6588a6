/**
 * Messages of TensorBoard in protocol buffers' wire format, as far as they are needed. Source:
 * tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
 */

/** What TensorBoard reads from one event. */
export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  /** The first event of a file: `brain.Event:2`. */
  fileVersion?: string;
  /** By tag. */
  scalars?: Readonly<Record<string, number>>;
  /** A process starts: TensorBoard drops what it has read of this step and later ones. */
  sessionStart?: boolean;
}

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export function encodeEvent({ wallTime, step, fileVersion, scalars, sessionStart }: Event): Buffer {
  return Buffer.concat([
    field(1, wire.fixed64, double(wallTime)),
    ...(step === undefined ? [] : [field(2, wire.varint, varint(step))]),
    ...(fileVersion === undefined ? [] : [bytesField(3, Buffer.from(fileVersion))]),
    ...(scalars === undefined ? [] : [bytesField(5, encodeSummary(scalars))]),
    // SessionLog {status: START}
    ...(sessionStart ? [bytesField(7, field(1, wire.varint, varint(1)))] : []),
  ]);
}

/** Summary {repeated Value {tag = 1, simple_value = 2} value = 1} */
function encodeSummary(scalars: Readonly<Record<string, number>>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytesField(
      1,
      Buffer.concat([bytesField(1, Buffer.from(tag)), field(2, wire.fixed32, float(value))]),
    ),
  );
  return Buffer.concat(values);
}

function field(number: number, type: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + type), value]);
}

function bytesField(number: number, bytes: Uint8Array): Buffer {
  return field(number, wire.bytes, Buffer.concat([varint(bytes.length), bytes]));
}

/** Seven bits per byte, the lowest first. Not by bit operations, which end at 32 bits. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
