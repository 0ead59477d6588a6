import type * as tf from '@tensorflow/tfjs';
import {
  adadeltaUpdate,
  adadeltaUpdateReference,
  type AdadeltaOptions,
} from '../../src/ops/adadelta_update.js';
import { adamUpdate, adamUpdateReference, type AdamOptions } from '../../src/ops/adam_update.js';
import type { UpdateOptions } from '../../src/ops/multi_tensor.js';
import {
  rmspropUpdate,
  rmspropUpdateReference,
  type RmspropOptions,
} from '../../src/ops/rmsprop_update.js';
import { sgdUpdate, sgdUpdateReference, type SgdOptions } from '../../src/ops/sgd_update.js';

type Variables = readonly tf.Variable[];

/** An optimizer's update with its options bound to it. */
export interface UpdateOp {
  title: string;
  /** The function's name. */
  op: string;
  /** Names of its slots in errors. */
  slots: readonly string[];
  update: Run;
  reference: Run;
}

/** `changed` overrides options. */
type Run = (
  parameters: Variables,
  gradients: readonly tf.Tensor[],
  slots: readonly Variables[],
  changed?: Partial<UpdateOptions>,
) => void;

function sgd(changed: Partial<SgdOptions>): UpdateOp {
  const options = { ...common, momentum: 0.9, nesterov: false, ...changed };
  const run =
    (f: typeof sgdUpdate): Run =>
    (parameters, gradients, [momenta = []], more) =>
      f(parameters, gradients, momenta, { ...options, ...more });
  const slots = options.momentum > 0 ? ['momenta'] : [];
  return { ...named('sgdUpdate', changed, slots), ...both(run, sgdUpdate, sgdUpdateReference) };
}

function rmsprop(changed: Partial<RmspropOptions>): UpdateOp {
  const base = { ...common, alpha: 0.9, epsilon: 1e-3, momentum: 0, centered: false };
  const options = { ...base, ...changed };
  const slots = [
    'squareAverages',
    ...(options.centered ? ['gradientAverages'] : []),
    ...(options.momentum > 0 ? ['momenta'] : []),
  ];
  const run =
    (f: typeof rmspropUpdate): Run =>
    (parameters, gradients, buffers, more) => {
      const of = (name: string) => buffers[slots.indexOf(name)] ?? [];
      const [squareAverages, gradientAverages, momenta] = [
        of('squareAverages'),
        of('gradientAverages'),
        of('momenta'),
      ];
      const all = { squareAverages, gradientAverages, momenta };
      f(parameters, gradients, all, { ...options, ...more });
    };
  return {
    ...named('rmspropUpdate', changed, slots),
    ...both(run, rmspropUpdate, rmspropUpdateReference),
  };
}

function adam(changed: Partial<AdamOptions>): UpdateOp {
  const base = { ...common, betas: [0.9, 0.99] as const, epsilon: 1e-3, decoupled: false, step: 3 };
  const run =
    (f: typeof adamUpdate): Run =>
    (parameters, gradients, [averages = [], squareAverages = []], more) =>
      f(parameters, gradients, { averages, squareAverages }, { ...base, ...changed, ...more });
  return {
    ...named('adamUpdate', changed, ['averages', 'squareAverages']),
    ...both(run, adamUpdate, adamUpdateReference),
  };
}

function adadelta(changed: Partial<AdadeltaOptions>): UpdateOp {
  const base = { ...common, rho: 0.9, epsilon: 1e-3 };
  const run =
    (f: typeof adadeltaUpdate): Run =>
    (parameters, gradients, [squareAverages = [], accumulatedDeltas = []], more) =>
      f(
        parameters,
        gradients,
        { squareAverages, accumulatedDeltas },
        { ...base, ...changed, ...more },
      );
  return {
    ...named('adadeltaUpdate', changed, ['squareAverages', 'accumulatedDeltas']),
    ...both(run, adadeltaUpdate, adadeltaUpdateReference),
  };
}

const common = { learningRate: 0.1, weightDecay: 0.01, gradientScale: 0.5 };

function named(op: string, changed: object, slots: readonly string[]) {
  return { title: `${op} ${JSON.stringify(changed)}`, op, slots };
}

function both<F>(run: (f: F) => Run, update: F, reference: F) {
  return { update: run(update), reference: run(reference) };
}

/** Every update, in each of its forms. */
export const updateOps: readonly UpdateOp[] = [
  sgd({}),
  sgd({ nesterov: true }),
  sgd({ momentum: 0 }),
  rmsprop({}),
  rmsprop({ momentum: 0.9 }),
  rmsprop({ centered: true }),
  rmsprop({ centered: true, momentum: 0.5 }),
  adam({}),
  adam({ decoupled: true }),
  adadelta({}),
];
