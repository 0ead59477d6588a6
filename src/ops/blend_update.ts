import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';

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
  if (values.length !== targets.length)
    reject('blendUpdate: values', `${targets.length} tensors`, values.length);
  for (const name of ['keep', 'share'] as const)
    if (!Number.isFinite(options[name])) reject(`blendUpdate: ${name}`, 'a number', options[name]);
  targets.forEach(({ shape }, i) => checkTensor(`blendUpdate: values[${i}]`, values[i], shape));
  const backend = currentMenetBackend();
  if (backend === undefined) return blendUpdateReference(targets, values, options);
  const updated = targets.map((target) => backend.writable(target));
  backend.run('BlendUpdate', [...updated, ...values], { ...options });
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
