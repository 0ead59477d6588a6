import * as tf from '@tensorflow/tfjs';
import { InputError, reject } from '../errors.js';

/** A shape to check against: numbers must match, names ('N', 'H') stand for any size from 1. */
export type ShapePattern = readonly (number | string)[];

/**
 * Checks that `tensor` is a live tensor of the given shape and type.
 * @param where the op and the argument, as in `meUnit: x`
 * @throws InputError naming op, argument, expected and received
 */
export function checkTensor(
  where: string,
  tensor: unknown,
  shape: ShapePattern,
  dtype: tf.DataType = 'float32',
): void {
  const expected = `${dtype} tensor [${shape.join(', ')}]`;
  if (!(tensor instanceof tf.Tensor)) mismatch(where, expected, describeValue(tensor));
  if (tensor.isDisposed) mismatch(where, expected, 'a disposed tensor');
  const found: number[] = tensor.shape;
  const matches =
    tensor.dtype === dtype &&
    found.length === shape.length &&
    found.every((size, i) => (typeof shape[i] === 'number' ? size === shape[i] : size >= 1));
  if (matches) return;
  const sizes = tensor.size === 0 ? ' of sizes from 1' : '';
  mismatch(where, expected + sizes, `${tensor.dtype} tensor [${found.join(', ')}]`);
}

/** Checks an op's weights and attributes, before any of them is looked at. */
export function checkArguments(op: string, params: object, options: { training?: boolean }): void {
  for (const [name, value] of Object.entries({ params, options })) {
    if (typeof value !== 'object' || value === null)
      mismatch(`${op}: ${name}`, 'an object', describeValue(value));
  }
  if (options.training !== undefined)
    checkChoice(`${op}: training`, options.training, [true, false]);
}

/** Checks that `value` is one of `choices`. */
export function checkChoice<T>(where: string, value: T, choices: readonly T[]): void {
  if (!choices.includes(value)) reject(where, choices.join(' or '), value);
}

/** Checks that `groups` is a whole number of at least 1 that divides `channels`. */
export function checkGroups(where: string, groups: number, channels: number): void {
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    reject(where, `a divisor of the ${channels} channels`, groups);
  }
}

/** Rejects an argument that is described in words rather than shown. */
export function mismatch(where: string, expected: string, found: string): never {
  throw new InputError(`${where}: expected ${expected}, got ${found}`);
}

function describeValue(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : `a value of type ${typeof value}`;
}
