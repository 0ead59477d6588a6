/**
 * A network of one's own, of menet's layers: trained on drawn shapes, saved, loaded again.
 *
 *     node examples/own_network/train.js [FOLDER]
 *
 * FOLDER (own_network) gets the images and the model.
 */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  DepthwiseSeparableLayer,
  ImageLoader,
  MeUnitLayer,
  makeDemoImages,
  modelFolder,
  normalizeImages,
  scanImageFolder,
  StemLayer,
} from 'menet';

const folder = process.argv[2] ?? 'own_network';
const imageSize = 48;
const epochs = 8;

/** Yields the batches of one epoch as fitDataset and evaluateDataset want them. */
function batches(loader, classes, nextEpoch) {
  return tf.data.generator(async function* () {
    for await (const { pixels, labels, size } of loader.epoch(nextEpoch())) {
      const xs = normalizeImages(pixels, [size, imageSize, imageSize, 3]);
      const ys = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), classes).toFloat());
      yield { xs, ys };
    }
  });
}

/** A stem, two stages of ME units, a MobileNet block: what tf.sequential holds is up to you. */
function ownNetwork(classes) {
  const decay = { kernelRegularizer: tf.regularizers.l2({ l2: 5e-5 }) };
  return tf.sequential({
    layers: [
      new StemLayer({ filters: 16, inputShape: [imageSize, imageSize, 3], ...decay }),
      new MeUnitLayer({ filters: 48, groups: 2, sideFilters: 8, strides: 2, ...decay }),
      new MeUnitLayer({ filters: 48, groups: 2, sideFilters: 8, ...decay }),
      new MeUnitLayer({ filters: 96, groups: 2, sideFilters: 8, strides: 2, ...decay }),
      new DepthwiseSeparableLayer({ filters: 128, ...decay }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: classes, activation: 'softmax' }),
    ],
  });
}

await tf.setBackend('menet');
const roots = await makeDemoImages(path.join(folder, 'images'), {
  seed: 1,
  imagesPerClass: { train: 100, valid: 25 },
  imageSize,
});
const [train, valid] = await Promise.all([
  scanImageFolder(roots.train),
  scanImageFolder(roots.valid),
]);
const feeding = { batchSize: 32, imageSize, workers: 2, seed: 1 };
const trainLoader = new ImageLoader(train, {
  ...feeding,
  transform: 'less_aggressive',
  shuffle: true,
});
const validLoader = new ImageLoader(valid, { ...feeding, transform: 'evaluate', shuffle: false });
const classes = train.classes.length;
let epoch = 0;
const training = batches(trainLoader, classes, () => epoch++);
const validation = batches(validLoader, classes, () => 0);

const network = ownNetwork(classes);
network.compile({
  optimizer: tf.train.momentum(0.05, 0.9, true),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});
await network.fitDataset(training, {
  epochs,
  verbose: 0,
  callbacks: {
    onEpochEnd: (done, { loss, acc }) =>
      console.log(`epoch ${done + 1}: loss ${loss.toFixed(3)}, accuracy ${acc.toFixed(3)}`),
  },
});

await network.save(modelFolder(path.join(folder, 'model')));
const loaded = await tf.loadLayersModel(modelFolder(path.join(folder, 'model')));
loaded.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
for (const [name, model] of Object.entries({ trained: network, loaded })) {
  const [loss, accuracy] = await model.evaluateDataset(validation, {});
  console.log(`${name}: loss ${loss.dataSync()[0]}, accuracy ${accuracy.dataSync()[0].toFixed(3)}`);
}
await Promise.all([trainLoader.close(), validLoader.close()]);
