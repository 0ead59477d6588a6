import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { checkLists, runInPlace } from './multi_tensor.js';

/** What is kept of the targets, and which share of the values is added to them. */
export interface BlendOptions {
  keep: number;
  share: number;
}

/**
 * Updates many variables in place: target = keep * target + share * value. A moving average has
 * keep + share = 1, a sum keep = 1.
 * @param targets float32 variables of any shape
 * @param values one per target, of its shape
 * @throws InputError for other counts, shapes and types
 */
export function blendUpdate(
  targets: readonly tf.Variable[],
  values: readonly tf.Tensor[],
  options: BlendOptions,
): void {
  const { keep, share } = options;
  for (const [name, value] of Object.entries({ keep, share }))
    if (!Number.isFinite(value)) reject(`blendUpdate: ${name}`, 'a number', value);
  checkLists('blendUpdate', targets, { targets, values });
  if (!runInPlace('BlendUpdate', [targets], values, { keep, share }))
    blendUpdateReference(targets, values, options);
}

/** {@link blendUpdate} from stock ops. */
export function blendUpdateReference(
  targets: readonly tf.Variable[],
  values: readonly tf.Tensor[],
  { keep, share }: BlendOptions,
): void {
  targets.forEach((target, i) =>
    tf.tidy(() => target.assign(target.mul(keep).add((values[i] as tf.Tensor).mul(share)))),
  );
}
