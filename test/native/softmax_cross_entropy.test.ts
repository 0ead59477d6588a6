import { expect, test } from 'vitest';
import { type NativeTensor } from '../../src/native.js';
import { generatedValues } from '../generated_values.js';
import { testNative } from './float64.js';

const [batch, classes, step] = [4, 6, 1e-6];

function store(data: Float64Array | Int32Array, shape: number[]): NativeTensor {
  const id = testNative.allocate(data.byteLength);
  testNative.write(id, data);
  return { id, shape, dtype: data instanceof Int32Array ? 'int32' : 'float64' };
}

/** The first output's values. */
function run(op: string, inputs: NativeTensor[], labelSmoothing: number): Float64Array {
  const [{ id, shape }] = testNative.run(op, inputs, { labelSmoothing }) as [NativeTensor];
  const values = new Float64Array(shape.reduce((size, length) => size * length, 1));
  testNative.read(id, values);
  testNative.free(id);
  return values;
}

test.each([
  { labelSmoothing: 0, mixed: false },
  { labelSmoothing: 0.2, mixed: false },
  { labelSmoothing: 0.2, mixed: true },
])('SoftmaxCrossEntropyGrad is the derivative of SoftmaxCrossEntropy: %o', (targets) => {
  const { labelSmoothing, mixed } = targets;
  const logits = Float64Array.from(generatedValues(batch * classes, 3), (value) => 3 * value);
  const rest = [
    store(Int32Array.from([0, 5, 2, 2]), [batch]),
    ...(mixed
      ? [
          store(Int32Array.from([1, 5, 0, 4]), [batch]),
          store(Float64Array.from([0.3, 0.6, 1, 0]), [batch]),
        ]
      : []),
  ];
  const loss = (values: Float64Array) => {
    const x = store(values, [batch, classes]);
    const [value] = run('SoftmaxCrossEntropy', [x, ...rest], labelSmoothing);
    testNative.free(x.id);
    return value!;
  };
  const dy = store(Float64Array.of(1.5), []);
  const x = store(logits, [batch, classes]);
  const gradient = run('SoftmaxCrossEntropyGrad', [dy, x, ...rest], labelSmoothing);
  gradient.forEach((found, i) => {
    const moved = (by: number) => logits.map((value, k) => (k === i ? value + by : value));
    const numeric = (1.5 * (loss(moved(step)) - loss(moved(-step)))) / (2 * step);
    expect(found).toBeCloseTo(numeric, 7);
  });
  for (const { id } of [dy, x, ...rest]) testNative.free(id);
});
