import tf = require('@tensorflow/tfjs');
import menet = require('menet');
import { groupConvShuffleDepthwise } from 'menet';

const { InputError, createModel, readModelConfig } = menet;

const model = createModel(readModelConfig('model.json'), { seed: 1 });
const logits: tf.Tensor2D = model.apply(tf.zeros<tf.Rank.R4>([1, 32, 32, 3]), { training: false });
const count: number = logits.shape[1];
// @ts-expect-error an image batch is needed
model.apply(1);
// @ts-expect-error weights and options are needed
groupConvShuffleDepthwise(tf.zeros([1, 1, 1, 1]));
export const failure: Error = new InputError(`${count}`);
