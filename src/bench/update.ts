import * as tf from '@tensorflow/tfjs';
import { createModel, readModelConfig } from '../models/model.js';
import { adadeltaUpdate, adadeltaUpdateReference } from '../ops/adadelta_update.js';
import { adamUpdate, adamUpdateReference } from '../ops/adam_update.js';
import { blendUpdate, blendUpdateReference } from '../ops/blend_update.js';
import { rmspropUpdate, rmspropUpdateReference } from '../ops/rmsprop_update.js';
import { sgdUpdate, sgdUpdateReference } from '../ops/sgd_update.js';
import { modelFile, type UpdateCase } from './cases.js';
import { Random } from './random.js';
import type { Subject } from './subject.js';

type Variables = readonly tf.Variable[];
type Update = (parameters: Variables, gradients: readonly tf.Tensor[], slots: Variables[]) => void;

const common = { learningRate: 0.01, weightDecay: 4e-5 };
const sgd = { ...common, momentum: 0.9, nesterov: true };
const rmsprop = { ...common, alpha: 0.9, epsilon: 1, momentum: 0.9, centered: false };
const adam = { ...common, betas: [0.9, 0.999], epsilon: 1e-8, decoupled: false, step: 1 } as const;
const adadelta = { ...common, rho: 0.9, epsilon: 1e-6 };

/** Each update, fused or of stock operations. */
const updates: Record<UpdateCase['op'], (fused: boolean) => Update> = {
  sgdUpdate: (fused) => {
    const op = fused ? sgdUpdate : sgdUpdateReference;
    return (parameters, gradients, [momenta = []]) => op(parameters, gradients, momenta, sgd);
  },
  rmspropUpdate: (fused) => {
    const op = fused ? rmspropUpdate : rmspropUpdateReference;
    return (parameters, gradients, [squareAverages = [], momenta = []]) =>
      op(parameters, gradients, { squareAverages, gradientAverages: [], momenta }, rmsprop);
  },
  adamUpdate: (fused) => {
    const op = fused ? adamUpdate : adamUpdateReference;
    return (parameters, gradients, [averages = [], squareAverages = []]) =>
      op(parameters, gradients, { averages, squareAverages }, adam);
  },
  adadeltaUpdate: (fused) => {
    const op = fused ? adadeltaUpdate : adadeltaUpdateReference;
    return (parameters, gradients, [squareAverages = [], accumulatedDeltas = []]) =>
      op(parameters, gradients, { squareAverages, accumulatedDeltas }, adadelta);
  },
  blendUpdate: (fused) => {
    const op = fused ? blendUpdate : blendUpdateReference;
    return (parameters, gradients) => op(parameters, gradients, { keep: 0.99, share: 0.01 });
  },
};

/** Slots that each update has but SGD, which leaves the second alone. */
const slotCount = 2;

/** An update of all parameters of a network; its outputs are two of them. */
export function prepareUpdate({ op, model: name }: UpdateCase, fused: boolean): Subject {
  const model = createModel(readModelConfig(modelFile(name)), { seed: 1 });
  const parameters = [...model.variables.values()].filter(({ trainable }) => trainable);
  const random = new Random(2);
  const gradients = parameters.map(({ shape }) => random.tensor(shape as [number]));
  const slots = Array.from({ length: slotCount }, () =>
    parameters.map((parameter) => tf.tidy(() => tf.variable(tf.zerosLike(parameter), false))),
  );
  const update = updates[op](fused);
  return () => {
    update(parameters, gradients, slots);
    return [parameters[0]!.clone(), parameters.at(-1)!.clone()];
  };
}
