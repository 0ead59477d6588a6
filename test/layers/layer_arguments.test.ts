import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { InputError } from '../../src/errors.js';
import { DepthwiseSeparableLayer } from '../../src/layers/depthwise_separable_layer.js';
import { GroupConvShuffleDepthwiseLayer } from '../../src/layers/group_conv_shuffle_depthwise_layer.js';
import { MergeEvolveLayer } from '../../src/layers/merge_evolve_layer.js';
import { MeUnitLayer } from '../../src/layers/me_unit_layer.js';
import { ShuffleUnitLayer } from '../../src/layers/shuffle_unit_layer.js';
import { StemLayer } from '../../src/layers/stem_layer.js';
import type { BatchNormParams } from '../../src/ops/batch_norm.js';
import { stem } from '../../src/ops/stem.js';
import { createModel, type Model } from '../../src/models/model.js';

beforeEach(async () => {
  await tf.setBackend('menet');
  tf.engine().startScope();
});
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

const unit = { filters: 24, groups: 2, sideFilters: 4 };

describe('arguments', () => {
  test.each<[string, () => tf.layers.Layer, number[], RegExp]>([
    [
      'no width',
      () => new StemLayer({} as never),
      [1, 8, 8, 3],
      /filters: expected a positive int/,
    ],
    [
      'grey images',
      () => new StemLayer({ filters: 4 }),
      [1, 8, 8, 1],
      /input: expected 3 channels/,
    ],
    [
      'half a channel',
      () => new DepthwiseSeparableLayer({ filters: 2.5 }),
      [1, 8, 8, 3],
      /filters: expected a positive integer, got 2.5/,
    ],
    [
      'strides',
      () => new DepthwiseSeparableLayer({ filters: 2, strides: 3 as never }),
      [1, 8, 8, 3],
      /strides: expected 1 or 2, got 3/,
    ],
    [
      'groups that do not divide the width',
      () => new GroupConvShuffleDepthwiseLayer({ filters: 10, groups: 3 }),
      [1, 8, 8, 12],
      /groups: expected a divisor of the 10 channels, got 3/,
    ],
    [
      'groups that do not divide the input',
      () => new GroupConvShuffleDepthwiseLayer({ filters: 12, groups: 3 }),
      [1, 8, 8, 10],
      /compressGroups: expected a divisor of the 10 channels, got 3/,
    ],
    [
      'a width that cannot be added',
      () => new ShuffleUnitLayer({ filters: 24, groups: 2 }),
      [1, 8, 8, 12],
      /filters: expected the 12 of the input with strides 1, got 24/,
    ],
    [
      'a width that leaves nothing to expand',
      () => new MeUnitLayer({ ...unit, strides: 2 }),
      [1, 8, 8, 24],
      /filters: expected more than the 24 of the input with strides 2, got 24/,
    ],
    [
      'no side branch',
      () => new MeUnitLayer({ filters: 24, groups: 2 } as never),
      [1, 8, 8, 24],
      /sideFilters: expected a positive integer, got nothing/,
    ],
    [
      'vectors',
      () => new MeUnitLayer(unit),
      [1, 24],
      /input: expected shape \[N, H, W, channels\]/,
    ],
    [
      'one input of two',
      () => new MergeEvolveLayer({ sideFilters: 4 }),
      [1, 8, 8, 12],
      /inputs: expected two, \[h, residual\]/,
    ],
    [
      'an initialiser that is none',
      () => new StemLayer({ filters: 4, kernelInitializer: 'heNornal' }),
      [1, 8, 8, 3],
      /kernelInitializer: expected a known name, perhaps heNormal, got "heNornal"/,
    ],
    [
      'a regulariser that is none',
      () => new StemLayer({ filters: 4, kernelRegularizer: { className: 'L3' } }),
      [1, 8, 8, 3],
      /kernelRegularizer: expected a name, an object or its serialised form, got {"className":"L3"}/,
    ],
  ])('rejected: %s', (_, make, shape, message) => {
    const build = () => make().apply(tf.zeros(shape));
    expect(build).toThrow(message);
    expect(build).toThrow(InputError);
  });

  test('weights are only there once the layer is built', () => {
    const layer = new StemLayer({ filters: 4 });
    expect(() => layer.params).toThrow(/params: expected a layer that is built/);
    layer.build([null, null, null, 3]);
    expect(layer.params.conv.shape).toEqual([3, 3, 3, 4]);
  });

  test('sizes that are not known stay so', () => {
    const layer = new MeUnitLayer({ ...unit, strides: 2 });
    expect(layer.computeOutputShape([null, null, 7, 12])).toEqual([null, null, 4, 24]);
    const stemLayer = (pooling: boolean) => new StemLayer({ filters: 4, pooling });
    expect(stemLayer(true).computeOutputShape([null, 30, null, 3])).toEqual([null, 8, null, 4]);
    expect(stemLayer(false).computeOutputShape([null, 30, null, 3])).toEqual([null, 15, null, 4]);
  });
});

describe('initialisers and regularisers', () => {
  test('are taken by name, as objects and in serialised form, and survive serialisation', () => {
    const layer = new StemLayer({
      filters: 4,
      kernelInitializer: tf.initializers.constant({ value: 0.5 }),
      gammaInitializer: { className: 'Constant', config: { value: 2 } },
      betaInitializer: 'ones',
      kernelRegularizer: tf.regularizers.l2({ l2: 0.25 }),
      gammaRegularizer: 'l1l2',
    });
    for (const one of [layer, StemLayer.fromConfig(StemLayer, layer.getConfig())]) {
      const built = one as StemLayer;
      built.build([null, null, null, 3]);
      const { conv, bn } = built.params;
      expect(new Set(conv.dataSync())).toEqual(new Set([0.5]));
      expect([...bn.scale.dataSync()]).toEqual([2, 2, 2, 2]);
      expect([...bn.offset.dataSync()]).toEqual([1, 1, 1, 1]);
      // 0.25 · 108 · 0.5² and l1l2's 0.01 · 4 · (2 + 2²)
      const losses = built.calculateLosses().map((loss) => loss.dataSync()[0]!);
      expect(losses.sort((a, b) => b - a)).toEqual([6.75, expect.closeTo(0.24, 5)]);
    }
  });

  test('batch norm begins as the identity, kernels after He', () => {
    const layer = new DepthwiseSeparableLayer({ filters: 256 });
    layer.build([null, null, null, 128]);
    const { pointwise, bnPointwise } = layer.params;
    expect(tf.moments(pointwise).variance.dataSync()[0]).toBeCloseTo(2 / 128, 2);
    expect(layer.params.depthwise.shape).toEqual([3, 3, 128, 1]);
    for (const [name, value] of Object.entries({ scale: 1, offset: 0, mean: 0, variance: 1 }))
      expect(new Set(bnPointwise[name as 'scale'].dataSync())).toEqual(new Set([value]));
  });
});

describe('every argument survives serialisation', () => {
  const grouped = { filters: 24, groups: 2, compressGroups: 4, strides: 2 as const };
  const residual = { ...grouped, bottleneckFilters: 8 };
  const unpooled = { filters: 5, pooling: false };
  const separable = { filters: 6, strides: 2 as const };
  const merging = { sideFilters: 3, strides: 2 as const };

  test.each<[string, () => tf.layers.Layer, object]>([
    ['StemLayer', () => new StemLayer(unpooled), unpooled],
    ['DepthwiseSeparableLayer', () => new DepthwiseSeparableLayer(separable), separable],
    ['GroupConvShuffleDepthwise', () => new GroupConvShuffleDepthwiseLayer(grouped), grouped],
    ['ShuffleUnitLayer', () => new ShuffleUnitLayer(residual), residual],
    [
      'MeUnitLayer',
      () => new MeUnitLayer({ ...residual, ...merging }),
      { ...residual, ...merging },
    ],
    ['MergeEvolveLayer', () => new MergeEvolveLayer(merging), merging],
  ])('%s', (_, make, args) => {
    const layer = make();
    const type =
      layer.constructor as unknown as tf.serialization.SerializableConstructor<tf.layers.Layer>;
    for (const one of [layer, type.fromConfig(type, layer.getConfig())])
      expect(one).toMatchObject(args);
  });
});

/** Gives a layer the weights that a model has under published names. */
function importWeights(layer: MeUnitLayer | StemLayer, model: Model, block: string): void {
  const stored = (name: string) => model.variables.get(`features.${block}.${name}`)!;
  for (const [name, weight] of Object.entries<tf.Tensor | BatchNormParams>({ ...layer.params })) {
    const isBranch = /^(bn)?(merge|conv|evolve)$/i.test(name) && block !== 'init';
    const published = (isBranch ? 's_' : '') + name.replace(/^bn(?=.)/, 'bn_').toLowerCase();
    if (weight instanceof tf.Variable) {
      weight.assign(stored(`${published}.weight`));
      continue;
    }
    const { scale, offset, mean, variance } = weight as Record<keyof BatchNormParams, tf.Variable>;
    scale.assign(stored(`${published}.weight`));
    offset.assign(stored(`${published}.bias`));
    mean.assign(stored(`${published}.running_mean`));
    variance.assign(stored(`${published}.running_var`));
  }
}

test('a stem without pooling is MobileNet’s first layer', () => {
  const layer = new StemLayer({ filters: 4, pooling: false });
  const x = tf.randomNormal<tf.Rank.R4>([2, 9, 8, 3], 0, 1, 'float32', 6);
  const found = layer.apply(x) as tf.Tensor;
  expect(found.shape).toEqual([2, 5, 4, 4]);
  expect([...found.dataSync()]).toEqual([...stem(x, layer.params, { pooling: false }).dataSync()]);
});

test('layers take the weights of a shipped network, and compute the same to the bit', () => {
  const widths = { block_channels: [16], block_layers: [1], side_channels: [4] };
  const rest = { init_c: 8, groups: 2, init_mode: 'fan_in', num_classes: 5 };
  const model = createModel({ name: 'menet', ...widths, ...rest }, { seed: 4 });
  const stem = new StemLayer({ filters: 8, inputShape: [32, 32, 3] });
  const units = [
    new MeUnitLayer({ filters: 16, groups: 2, compressGroups: 1, sideFilters: 4, strides: 2 }),
    new MeUnitLayer({ filters: 16, groups: 2, sideFilters: 4 }),
  ];
  const network = tf.sequential({ layers: [stem, ...units] });
  const x = tf.randomNormal<tf.Rank.R4>([4, 32, 32, 3], 0, 1, 'float32', 6);
  model.apply(x, { training: true }); // so that the running statistics are other than at first
  importWeights(stem, model, 'init');
  units.forEach((unit, i) => importWeights(unit, model, `stage_1_${i + 1}`));
  const found = network.predict(x) as tf.Tensor;
  expect([...found.dataSync()]).toEqual([...model.features(x).dataSync()]);
});
