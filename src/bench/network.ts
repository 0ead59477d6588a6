import * as tf from '@tensorflow/tfjs';
import { createModel, readModelConfig } from '../models/model.js';
import { softmaxCrossEntropy } from '../ops/softmax_cross_entropy.js';
import { createOptimizer } from '../train/optimizer.js';
import { parameterGroups } from '../train/parameter_groups.js';
import { lossGradients } from '../train/step.js';
import { modelFile, type Mode, type NetworkCase } from './cases.js';
import { type Precision, Unavailable } from './messages.js';
import { Random } from './random.js';
import type { Subject } from './subject.js';

/**
 * Inference of a whole network (its logits), or a training step with its update (its loss and
 * logits). On other backends than `menet` the model's fused operations run as stock ones.
 * @param precision what activations are stored as
 */
export function prepareNetwork(
  { model: name, batch, size }: NetworkCase,
  mode: Mode,
  fused: boolean,
  precision: Precision = 'float32',
): Subject {
  if (!fused && tf.getBackend() === 'menet')
    throw new Unavailable('on this backend a network runs fused operations');
  if (tf.getBackend() === 'cpu' && mode === 'gradient' && batch > 2)
    throw new Unavailable('takes many minutes; measured with a batch of 2');

  const model = createModel(readModelConfig(modelFile(name)), { seed: 1 });
  const random = new Random(2);
  const images = random.tensor<tf.Rank.R4>([batch, size, size, 3]);
  if (mode === 'forward') return () => [tf.tidy(() => model.apply(images, { precision }))];

  const classes = Array.from({ length: batch }, (_, i) => (i * 37) % model.numClasses);
  const labels = tf.tensor1d(classes, 'int32');
  const scale = precision === 'fp16' ? FP16_LOSS_SCALE : 1;
  const lossScale = scale === 1 ? undefined : tf.scalar(scale);
  const optimizer = createOptimizer(
    { name: 'SGD', momentum: 0.9, nesterov: true },
    parameterGroups(model, { weight_decay: 4e-5 }),
  );
  const parameters = [...optimizer.parameters.values()];
  const loss = (logits: tf.Tensor2D) => softmaxCrossEntropy(logits, labels);
  return () => {
    optimizer.prepare();
    const options = { parameters, loss, precision, lossScale };
    const { gradients, loss: value, logits } = lossGradients(model, images, options);
    optimizer.step(gradients, 0.01, 1 / scale);
    tf.dispose(gradients);
    return [value, logits];
  };
}

/** Fixed, so that no step waits for its gradients' norm; bench/torch_driver.py has it too. */
const FP16_LOSS_SCALE = 1024;
