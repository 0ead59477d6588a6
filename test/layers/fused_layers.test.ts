import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { DepthwiseSeparableLayer } from '../../src/layers/depthwise_separable_layer.js';
import { GroupConvShuffleDepthwiseLayer } from '../../src/layers/group_conv_shuffle_depthwise_layer.js';
import { MergeEvolveLayer } from '../../src/layers/merge_evolve_layer.js';
import { MeUnitLayer } from '../../src/layers/me_unit_layer.js';
import { ShuffleUnitLayer } from '../../src/layers/shuffle_unit_layer.js';
import { StemLayer } from '../../src/layers/stem_layer.js';
import { depthwiseSeparable } from '../../src/ops/depthwise_separable.js';
import { groupConvShuffleDepthwise } from '../../src/ops/group_conv_shuffle_depthwise.js';
import { mergeEvolve } from '../../src/ops/merge_evolve.js';
import { meUnit } from '../../src/ops/me_unit.js';
import { shuffleUnit } from '../../src/ops/shuffle_unit.js';
import { stem } from '../../src/ops/stem.js';

const size = 8;
type Symbolic = tf.SymbolicTensor;
const seeded = () => ({ kernelInitializer: tf.initializers.heNormal({ seed: 3 }) });

/** Each layer, the plain function, and a network of it for images [size, size, channels]. */
const cases = {
  StemLayer: {
    channels: 3,
    layer: () => new StemLayer({ filters: 8, ...seeded() }),
    plain: (layer: StemLayer, [x]: tf.Tensor4D[], training: boolean) =>
      stem(x!, layer.params, { training }),
  },
  GroupConvShuffleDepthwiseLayer: {
    channels: 12,
    layer: () =>
      new GroupConvShuffleDepthwiseLayer({ filters: 18, groups: 3, strides: 2, ...seeded() }),
    plain: (layer: GroupConvShuffleDepthwiseLayer, [x]: tf.Tensor4D[], training: boolean) =>
      groupConvShuffleDepthwise(x!, layer.params, { groups: 3, strides: 2, training }),
  },
  ShuffleUnitLayer: {
    channels: 12,
    layer: () => new ShuffleUnitLayer({ filters: 12, groups: 3, ...seeded() }),
    plain: (layer: ShuffleUnitLayer, [x]: tf.Tensor4D[], training: boolean) =>
      shuffleUnit(x!, layer.params, { groups: 3, strides: 1, training }),
  },
  MeUnitLayer: {
    channels: 12,
    layer: () =>
      new MeUnitLayer({
        filters: 24,
        groups: 2,
        compressGroups: 1,
        sideFilters: 4,
        strides: 2,
        ...seeded(),
      }),
    plain: (layer: MeUnitLayer, [x]: tf.Tensor4D[], training: boolean) =>
      meUnit(x!, layer.params, { groups: 2, strides: 2, training }),
  },
  DepthwiseSeparableLayer: {
    channels: 12,
    layer: () => new DepthwiseSeparableLayer({ filters: 20, ...seeded() }),
    plain: (layer: DepthwiseSeparableLayer, [x]: tf.Tensor4D[], training: boolean) =>
      depthwiseSeparable(x!, layer.params, { strides: 1, training }),
  },
  MergeEvolveLayer: {
    channels: 12,
    inputs: 2,
    layer: () => new MergeEvolveLayer({ sideFilters: 4, ...seeded() }),
    plain: (layer: MergeEvolveLayer, [h, residual]: tf.Tensor4D[], training: boolean) =>
      mergeEvolve(h!, residual!, layer.params, { strides: 1, training }),
  },
} as const;

interface Case {
  channels: number;
  inputs?: number;
  layer: () => tf.layers.Layer;
  plain: (layer: never, inputs: tf.Tensor4D[], training: boolean) => tf.Tensor4D;
}

/** The layer, global pooling and a classifier, as a functional model. */
function network({ channels, inputs = 1, layer }: Case) {
  const images = tf.input({ shape: [size, size, channels] });
  const fused = layer();
  const output = fused.apply(inputs === 1 ? images : [images, images]) as Symbolic;
  const pooled = tf.layers.globalAveragePooling2d({}).apply(output) as Symbolic;
  const kernelInitializer = tf.initializers.glorotNormal({ seed: 5 });
  const dense = tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer });
  const model = tf.model({ inputs: images, outputs: dense.apply(pooled) as Symbolic });
  return { model, fused };
}

/** Images whose class is whether their left or their right half is brighter. */
function examples(channels: number, count = 24) {
  const labels = Array.from({ length: count }, (_, i) => i % 2);
  const x = tf.tidy(() => {
    const noise = tf.randomNormal([count, size, size, channels], 0, 0.3, 'float32', 9);
    const side = tf.tensor4d(
      labels.flatMap((label) =>
        Array.from({ length: size }, (_, c) => (c < size / 2 === (label === 1) ? 1 : -1)),
      ),
      [count, 1, size, 1],
    );
    const channel = tf.linspace(-1, 1, channels);
    return tf.add<tf.Tensor4D>(
      noise,
      tf.mul(side, tf.mul(channel, tf.linspace(0.2, 1.2, size).reshape([1, 1, size, 1]))),
    );
  });
  return { x, y: tf.oneHot(tf.tensor1d(labels, 'int32'), 2) };
}

const bits = (tensor: tf.Tensor) => [...tensor.dataSync()];

describe.each(['menet', 'cpu'])('on %s', (backend) => {
  beforeEach(async () => {
    await tf.setBackend(backend);
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    tf.disposeVariables();
  });

  describe.each(Object.entries(cases) as [string, Case][])('%s', (_, it) => {
    test('is the plain function, in training and in inference form', () => {
      const { fused } = network(it);
      const x = examples(it.channels).x;
      const inputs = Array.from({ length: it.inputs ?? 1 }, () => x);
      const args = inputs.length === 1 ? x : inputs;
      const initial = fused.getWeights().map((weight) => weight.clone());
      const trained = fused.call(args, { training: true }) as tf.Tensor;
      const after = fused.getWeights().map((weight) => weight.clone());
      fused.setWeights(initial);
      expect(bits(it.plain(fused as never, inputs, true))).toEqual(bits(trained));
      // The plain function has moved the running statistics in the same way.
      for (const [i, weight] of fused.getWeights().entries())
        expect(bits(weight)).toEqual(bits(after[i]!));
      const inferred = fused.apply(args) as tf.Tensor;
      expect(bits(it.plain(fused as never, inputs, false))).toEqual(bits(inferred));
      expect(bits(inferred)).not.toEqual(bits(trained));
      const shape = inputs.length === 1 ? x.shape : inputs.map((input) => input.shape);
      expect(fused.computeOutputShape(shape)).toEqual(inferred.shape);
    });

    test('learns in fit, and predicts the same to the bit when saved and reloaded', async () => {
      const { model, fused } = network(it);
      const { x, y } = examples(it.channels);
      model.compile({ optimizer: tf.train.momentum(0.05, 0.9), loss: 'categoricalCrossentropy' });
      const isStatistic = (weight: { originalName: string }) =>
        /\/moving_(mean|variance)$/.test(weight.originalName);
      expect(fused.nonTrainableWeights.filter(isStatistic)).toHaveLength(
        fused.nonTrainableWeights.length,
      );
      expect(fused.trainableWeights.some(isStatistic)).toBe(false);
      const frozen = fused.nonTrainableWeights.map((weight) => bits(weight.read()));
      const before = fused.trainableWeights.map((weight) => bits(weight.read()));
      const { history } = await model.fit(x, y, {
        epochs: 6,
        batchSize: 8,
        shuffle: false,
        verbose: 0,
      });
      const losses = history.loss as number[];
      expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
      for (const [i, weight] of fused.trainableWeights.entries())
        expect(bits(weight.read()), weight.name).not.toEqual(before[i]);
      for (const [i, weight] of fused.nonTrainableWeights.entries())
        expect(bits(weight.read()), weight.name).not.toEqual(frozen[i]);
      const expected = bits(model.predict(x) as tf.Tensor);
      let saved: tf.io.ModelArtifacts | undefined;
      await model.save(
        tf.io.withSaveHandler((artifacts) => {
          saved = artifacts;
          return Promise.resolve({
            modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' },
          });
        }),
      );
      const topology = JSON.parse(JSON.stringify(saved)) as tf.io.ModelArtifacts;
      const loaded = await tf.loadLayersModel(
        tf.io.fromMemory({ ...topology, weightData: saved!.weightData! }),
      );
      expect(bits(loaded.predict(x) as tf.Tensor)).toEqual(expected);
      const again = loaded.layers.find((layer) => layer.getClassName() === fused.getClassName())!;
      expect(again.getConfig()).toEqual(fused.getConfig());
      expect(again.weights.map(({ originalName, shape }) => [originalName, shape])).toEqual(
        fused.weights.map(({ originalName, shape }) => [originalName, shape]),
      );
    });

    test('leaves no tensors behind', async () => {
      const { model } = network(it);
      const { x, y } = examples(it.channels);
      model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
      const fit = () => model.fit(x, y, { epochs: 1, batchSize: 8, verbose: 0 });
      await fit();
      const { numTensors } = tf.memory();
      await fit();
      tf.dispose(model.predict(x));
      expect(tf.memory().numTensors).toBe(numTensors);
    });
  });
});
