import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { backendName } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import { randomValues } from './random_values.js';

const size = 12;
const samples = 48;

/** Images of horizontal or vertical stripes with noise, and which they are. */
function stripes(): { images: tf.Tensor4D; labels: tf.Tensor2D } {
  const noise = randomValues(samples * size * size, 1);
  const pixels = noise.map((value, i) => {
    const vertical = Math.floor(i / (size * size)) % 2 === 1;
    const position = vertical ? i % size : Math.floor(i / size) % size;
    return (position % 4 < 2 ? 1 : 0) + value / 2;
  });
  const classes = Int32Array.from({ length: samples }, (_, i) => i % 2);
  return {
    images: tf.tensor4d(pixels, [samples, size, size, 1]),
    labels: tf.cast(tf.oneHot(tf.tensor1d(classes, 'int32'), 2), 'float32') as tf.Tensor2D,
  };
}

test('a tf.Sequential trains with fit', async () => {
  await tf.setBackend(backendName);
  const seeded = (seed: number) => tf.initializers.glorotUniform({ seed });
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [size, size, 1],
        filters: 8,
        kernelSize: 3,
        activation: 'relu',
        kernelInitializer: seeded(1),
      }),
      tf.layers.batchNormalization({ momentum: 0.8 }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.depthwiseConv2d({
        kernelSize: 3,
        padding: 'same',
        depthwiseInitializer: seeded(2),
      }),
      tf.layers.dropout({ rate: 0.1, seed: 3 }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer: seeded(4) }),
    ],
  });
  model.compile({
    optimizer: tf.train.adam(0.03),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  const { images, labels } = stripes();
  const fit = () =>
    model.fit(images, labels, { epochs: 10, batchSize: 16, shuffle: false, verbose: 0 });
  await fit();
  const before = tf.memory().numTensors;
  const { history } = await fit();
  expect(tf.memory().numTensors).toBe(before);
  expect(history.acc!.at(-1)).toBe(1);
  const [loss] = model.evaluate(images, labels) as tf.Scalar[];
  expect(loss!.dataSync()[0]).toBeLessThan(0.3);
});

describe.each(['sgd', 'momentum', 'adam'])('a plain training loop with tf.train.%s', (name) => {
  const optimizers: Record<string, () => tf.Optimizer> = {
    sgd: () => tf.train.sgd(0.1),
    momentum: () => tf.train.momentum(0.05, 0.9),
    adam: () => tf.train.adam(0.01),
  };

  async function train(backend: string): Promise<number[]> {
    await tf.setBackend(backend);
    const { images, labels } = stripes();
    const initial = (shape: number[], seed: number, scale: number) =>
      tf.variable(tf.tensor(randomValues(tf.util.sizeFromShape(shape), seed), shape).mul(scale));
    const filter = initial([3, 3, 1, 6], 2, 0.5) as tf.Variable<tf.Rank.R4>;
    const depthwise = initial([3, 3, 6, 1], 3, 0.5) as tf.Variable<tf.Rank.R4>;
    const weights = initial([6, 2], 4, 0.5) as tf.Variable<tf.Rank.R2>;
    const bias = tf.variable(tf.zeros([2]));
    const optimizer = optimizers[name]!();
    const losses: number[] = [];
    for (let step = 0; step < 8; step++) {
      const loss = optimizer.minimize(() => {
        const y = tf.relu(tf.conv2d(images, filter, 1, 'same'));
        const pooled = tf.avgPool(
          tf.maxPool(tf.depthwiseConv2d(y, depthwise, 1, 'same'), 2, 2, 'valid'),
          6,
          1,
          'valid',
        );
        const logits = tf.add(tf.matMul(tf.reshape(pooled, [samples, 6]), weights), bias);
        return tf.losses.softmaxCrossEntropy(labels, logits).asScalar();
      }, true)!;
      losses.push(loss.dataSync()[0]!);
    }
    tf.disposeVariables();
    return losses;
  }

  test('takes the same steps as on cpu', async () => {
    const actual = await train(backendName);
    const expected = await train('cpu');
    expect(actual.at(-1)).toBeLessThan(actual[0]!);
    actual.forEach((loss, step) => expect(loss).toBeCloseTo(expected[step]!, 4));
  });
});
