import { afterEach, describe, expect, test } from 'vitest';
import { type NativeTensor } from '../../src/native.js';
import { testNative as door } from './float64.js';
import { halfTypes } from './half.js';

// Conversions between floats and 16 bits, against definitions: every pattern, and the values
// around those that lie half way between two neighbours. From float32 they are vectors', from
// float64 (the test build) those of core/half.h.

const held: NativeTensor[] = [];
afterEach(() => {
  for (const { id } of held.splice(0)) door.free(id);
});

type Values = Float32Array | Float64Array | Uint16Array | Int32Array;

function tensor(values: Values, dtype: NativeTensor['dtype']) {
  const id = door.allocate(values.byteLength);
  door.write(id, values);
  held.push({ id, shape: [values.length], dtype });
  return held.at(-1)!;
}

function cast(input: NativeTensor, dtype: NativeTensor['dtype']): NativeTensor {
  held.push(...door.run('Cast', [input], { dtype }));
  return held.at(-1)!;
}

const formats = {
  bfloat16: { mantissa: 7, bias: 127 },
  float16: { mantissa: 10, bias: 15 },
};

/** A pattern's value, by the definition of the format. */
function valueOf(bits: number, { mantissa, bias }: { mantissa: number; bias: number }): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> mantissa;
  const fraction = (bits & ((1 << mantissa) - 1)) / 2 ** mantissa;
  if (exponent === 0x7fff >> mantissa) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer);

const pairs = halfTypes.flatMap((dtype) => [
  { dtype, from: 'float32' as const },
  { dtype, from: 'float64' as const },
]);

describe.each(pairs)('$dtype and $from', ({ dtype, from }) => {
  const arrays = { float32: Float32Array, float64: Float64Array };

  function toFloats(bits: Uint16Array): Float32Array {
    const values = new arrays[from](bits.length);
    door.read(cast(tensor(bits, dtype), from).id, values);
    return Float32Array.from(values);
  }

  function toBits(values: Float32Array): Uint16Array {
    const bits = new Uint16Array(values.length);
    door.read(cast(tensor(arrays[from].from(values), from), dtype).id, bits);
    return bits;
  }

  const exact = Float32Array.from(patterns, (bits) => valueOf(bits, formats[dtype]));

  test('every pattern has the value of its definition', () => {
    const values = toFloats(patterns);
    const wrong = patterns.filter((i) => !Object.is(values[i], exact[i]));
    expect(wrong).toHaveLength(0);
  });

  test('every value comes back, and NaN as NaN', () => {
    const bits = toBits(exact);
    const wrong = patterns.filter((i) => !Number.isNaN(exact[i]) && bits[i] !== i);
    expect(wrong).toHaveLength(0);
    const nans = patterns.filter((i) => Number.isNaN(exact[i]));
    expect(toFloats(bits).filter(Number.isNaN)).toHaveLength(nans.length);
  });

  test('half way between neighbours rounds to even, the floats around it to the nearer', () => {
    const infinity = (0x7fff >> formats[dtype].mantissa) << formats[dtype].mantissa;
    const lower = patterns.slice(0, infinity); // the last one's neighbour would be infinity
    const middle = (i: number) => {
      const below = valueOf(i, formats[dtype]);
      const step = i > 0 ? below - valueOf(i - 1, formats[dtype]) : valueOf(1, formats[dtype]);
      const upper = i + 1 === infinity ? below + step : valueOf(i + 1, formats[dtype]);
      return (below + upper) / 2;
    };
    const ties = Float32Array.from(lower, middle);
    const below = new Float32Array(ties.length);
    const above = new Float32Array(ties.length);
    bitsOf(below).set(bitsOf(ties).map((bits) => bits - 1));
    bitsOf(above).set(bitsOf(ties).map((bits) => bits + 1));
    for (const [values, expected] of [
      [below, (i: number) => i],
      [ties, (i: number) => i + (i & 1)],
      [above, (i: number) => i + 1],
    ] as const) {
      const bits = toBits(values);
      const negative = toBits(values.map((value) => -value));
      const wrong = lower.filter(
        (i) => bits[i] !== expected(i) || negative[i] !== (expected(i) | 0x8000),
      );
      expect(wrong).toHaveLength(0);
    }
  });

  test('what is too large is infinite, what is too small is zero', () => {
    const largest = exact.reduce((a, b) => (Number.isFinite(b) && b > a ? b : a), 0);
    const tiny = 2 ** (dtype === 'float16' ? -26 : -149);
    const values = Float32Array.of(largest, Infinity, -Infinity, 3.4028234e38, tiny, -tiny, -0);
    const expected = Float32Array.of(largest, Infinity, -Infinity, Infinity, 0, -0, -0);
    expect(toFloats(toBits(values))).toEqual(expected);
  });

  test('integers and booleans by way of float', () => {
    const integers = Int32Array.of(0, 1, -3, 255, 100000);
    const half = cast(tensor(integers, 'int32'), dtype);
    const back = new Int32Array(5);
    door.read(cast(half, 'int32').id, back);
    expect([...back.slice(0, 4)]).toEqual([0, 1, -3, 255]);
    expect(back[4]).toBe(dtype === 'bfloat16' ? 99840 : 0);
    const flags = new Uint8Array(5);
    door.read(cast(half, 'bool').id, flags);
    expect([...flags]).toEqual([0, 1, 1, 1, 1]);
  });
});

test('from one 16-bit type to the other, by way of float', () => {
  const values = Float32Array.of(1.00390625, -65504, 3e38, 1e-7, NaN);
  const brain = cast(tensor(values, 'float32'), 'bfloat16');
  const result = new Float32Array(5);
  door.read(cast(cast(brain, 'float16'), 'float32').id, result);
  expect([...result]).toEqual([1, -Infinity, Infinity, 1.1920928955078125e-7, NaN]);
});
