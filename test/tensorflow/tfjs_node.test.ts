import { createRequire } from 'node:module';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/index.js';
import {
  softmaxCrossEntropy,
  softmaxCrossEntropyReference,
} from '../../src/ops/softmax_cross_entropy.js';
import { normalizeImages, normalizeImagesReference } from '../../src/ops/normalize_images.js';
import { sgdUpdate } from '../../src/ops/sgd_update.js';
import { stem, stemReference } from '../../src/ops/stem.js';
import { currentTensorflowOps } from '../../src/tensorflow/tensorflow_ops.js';
import { testExpectedUnits } from '../ops/expected_units.js';

/** Folder of a tfjs-node or tfjs-node-gpu that runs. */
const folder = process.env.MENET_TFJS_NODE;
const title = `tfjs-node${folder ? '' : ' (skipped: MENET_TFJS_NODE is not set)'}`;

describe.skipIf(!folder)(title, () => {
  beforeAll(async () => {
    // Its own copy of tfjs says for every kernel of webgl that it is registered already.
    const warn = console.warn;
    console.warn = () => undefined;
    createRequire(path.join(folder!, 'package.json'))(folder!);
    console.warn = warn;
    await tf.setBackend('tensorflow');
  });

  testExpectedUnits('tensorflow');

  const images = () => tf.randomUniform<tf.Rank.R4>([2, 9, 11, 3], -1, 1, 'float32', 1);
  const stemParams = () => ({
    conv: tf.variable(tf.randomNormal<tf.Rank.R4>([3, 3, 3, 5], 0, 1, 'float32', 2)),
    bn: {
      scale: tf.variable(tf.ones<tf.Rank.R1>([5])),
      offset: tf.variable(tf.zeros<tf.Rank.R1>([5])),
      mean: tf.variable(tf.zeros<tf.Rank.R1>([5]), false),
      variance: tf.variable(tf.ones<tf.Rank.R1>([5]), false),
    },
  });

  test('operations run natively', () => {
    expect(currentTensorflowOps()).toBeDefined();
  });

  test('running statistics are new values: what shares their data keeps its own', () => {
    const values = new Float32Array(5);
    const params = stemParams();
    params.bn.mean.assign(tf.tensor1d(values));
    const shared = params.bn.mean.clone();
    stem(images(), params, { training: true });
    expect([...values]).toEqual([0, 0, 0, 0, 0]);
    expect([...shared.dataSync()]).toEqual([0, 0, 0, 0, 0]);
    expect(params.bn.mean.dataSync().every((mean) => mean !== 0)).toBe(true);
  });

  test.each([true, false])('the stem is that of stock operations, with pooling: %s', (pooling) => {
    const found = stem(images(), stemParams(), { pooling });
    const expected = stemReference(images(), stemParams(), { pooling });
    expect(found.shape).toEqual(expected.shape);
    expect(tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]).toBeLessThan(1e-5);
  });

  test('gradients leave no tensors behind', () => {
    const params = stemParams();
    const x = images();
    const step = () => {
      const { value, grads } = tf.variableGrads(
        () => tf.mean<tf.Scalar>(tf.square(stem(x, params, { training: true }))),
        [params.conv, params.bn.scale, params.bn.offset],
      );
      tf.dispose([value, grads]);
    };
    step();
    const before = tf.memory().numTensors;
    step();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('bytes and integers', () => {
    const pixels = Uint8Array.from({ length: 2 * 3 * 5 * 3 }, (_, i) => (i * 37) % 256);
    const found = normalizeImages(pixels, [2, 3, 5, 3]);
    const expected = normalizeImagesReference(pixels, [2, 3, 5, 3]);
    expect(tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]).toBeLessThan(1e-6);
    const logits = tf.randomNormal<tf.Rank.R2>([4, 7], 0, 1, 'float32', 5);
    const labels = tf.tensor1d([0, 6, 3, 3], 'int32');
    const loss = softmaxCrossEntropy(logits, labels).dataSync()[0];
    expect(loss).toBeCloseTo(softmaxCrossEntropyReference(logits, labels).dataSync()[0]!, 5);
  });

  test("an optimizer's step changes variables, exactly by its learning rate in double", () => {
    const p = tf.variable(tf.tensor1d([1, 2, 3]));
    const g = tf.tensor1d([1, -1, 0.5]);
    const options = { momentum: 0, nesterov: false, weightDecay: 0 };
    for (const learningRate of [0.1, 0.05]) sgdUpdate([p], [g], [], { learningRate, ...options });
    const values = p.dataSync();
    [0.85, 2.15, 2.925].forEach((value, i) => expect(values[i]).toBeCloseTo(value, 6));
  });

  test("a failure inside TensorFlow is an exception with the operation's message", () => {
    const ops = currentTensorflowOps()!;
    const x = tf.zeros([2, 3]);
    const call = ops.native.tensorflow.prepare(
      'GradientNorm',
      [{ shape: x.shape, dtype: 'float32' }],
      {},
      [],
      '0.1.0',
    );
    const part = call.message.slice(0, 2);
    const counts = { floats: 1, ints: 0, bytes: 0, outputs: 1 };
    const attributes = Object.entries(counts).map(([name, value]) => ({
      name,
      type: ops.backend.binding.TF_ATTR_INT,
      value,
    }));
    const inputs = [tf.tensor1d(part, 'int32'), x];
    expect(() => ops.backend.executeMultipleOutputs(call.name, attributes, inputs, 1)).toThrow(
      /expected a call's message, got a part of one/,
    );
  });
});
