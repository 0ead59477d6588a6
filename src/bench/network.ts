import * as tf from '@tensorflow/tfjs';
import { createModel, readModelConfig } from '../models/model.js';
import { createOptimizer } from '../train/optimizer.js';
import { parameterGroups } from '../train/parameter_groups.js';
import { trainingStep } from '../train/step.js';
import { modelFile, type Mode, type NetworkCase } from './cases.js';
import { Unavailable } from './messages.js';
import { Random } from './random.js';
import type { Subject } from './subject.js';

/**
 * Inference of a whole network (its logits), or a training step with its update (its loss and
 * logits). On other backends than `menet` the model's fused operations run as stock ones.
 */
export function prepareNetwork(
  { model: name, batch, size }: NetworkCase,
  mode: Mode,
  fused: boolean,
): Subject {
  if (!fused && tf.getBackend() === 'menet')
    throw new Unavailable('on this backend a network runs fused operations');
  if (tf.getBackend() === 'cpu' && mode === 'gradient' && batch > 2)
    throw new Unavailable('takes many minutes; measured with a batch of 2');

  const model = createModel(readModelConfig(modelFile(name)), { seed: 1 });
  const random = new Random(2);
  const images = random.tensor<tf.Rank.R4>([batch, size, size, 3]);
  if (mode === 'forward') return () => [tf.tidy(() => model.apply(images))];

  const classes = Array.from({ length: batch }, (_, i) => (i * 37) % model.numClasses);
  const labels = tf.tensor1d(classes, 'int32');
  const optimizer = createOptimizer(
    { name: 'SGD', momentum: 0.9, nesterov: true },
    parameterGroups(model, { weight_decay: 4e-5 }),
  );
  return () => {
    const { loss, logits } = trainingStep(model, optimizer, images, labels, 0.01);
    return [loss, logits];
  };
}
