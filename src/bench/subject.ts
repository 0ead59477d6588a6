import * as tf from '@tensorflow/tfjs';
import type { BenchCase, Mode } from './cases.js';
import { type Precision, Unavailable } from './messages.js';
import { prepareNetwork } from './network.js';
import { lossOperation, type Operation, separableOperation, stemOperation } from './operation.js';
import { Random } from './random.js';
import { unitOperation } from './unit_operation.js';
import { prepareUpdate } from './update.js';

/** Something to time: a call gives tensors that the caller disposes. */
export type Subject = () => tf.Tensor[];

/**
 * Makes a case's tensors on the current backend. `forward` is the inference form; `gradient` the
 * training form, forward and backward, giving the output's gradient in every input and weight.
 */
export function prepare(
  benchCase: BenchCase,
  mode: Mode,
  fused: boolean,
  precision: Precision = 'float32',
): Subject {
  if (benchCase.kind === 'network') return prepareNetwork(benchCase, mode, fused, precision);
  if (precision !== 'float32') throw new Unavailable('of networks alone');
  if (benchCase.kind === 'update') return prepareUpdate(benchCase, fused);
  const operation = makeOperation(benchCase, fused);
  if (mode === 'forward') return () => [tf.tidy(() => operation.call(false))];
  const dy = tf.tidy(() => new Random(7).tensor(operation.call(false).shape as [number]));
  const gradients = tf.grads(() => operation.call(true));
  return () => tf.tidy(() => gradients(operation.inputs, dy));
}

function makeOperation(
  benchCase: Exclude<BenchCase, { kind: 'network' | 'update' }>,
  fused: boolean,
): Operation {
  const random = new Random(1);
  switch (benchCase.kind) {
    case 'unit':
      return unitOperation(benchCase, random, fused);
    case 'separable':
      return separableOperation(benchCase, random, fused);
    case 'stem':
      return stemOperation(benchCase, random, fused);
    case 'loss':
      return lossOperation(benchCase, random, fused);
  }
}
