import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';

/** The tensors of a function's result, and the same result with others in their places. */
export interface TensorStructure<T> {
  tensors: tf.Tensor[];
  rebuild(tensors: readonly tf.Tensor[]): T;
}

type Rebuild = (tensors: readonly tf.Tensor[]) => unknown;

/**
 * Takes a tensor, a list or an object, nested as it may be, apart.
 * @throws InputError for anything else in it, and where it holds no tensor
 */
export function takeApart<T>(result: T): TensorStructure<T> {
  const tensors: tf.Tensor[] = [];
  const rebuild = visit(result, tensors);
  if (tensors.length === 0) reject('compile', 'a function that returns tensors', result);
  return { tensors, rebuild: rebuild as (tensors: readonly tf.Tensor[]) => T };
}

function visit(value: unknown, tensors: tf.Tensor[]): Rebuild {
  if (value instanceof tf.Tensor) {
    const index = tensors.push(value) - 1;
    return (others) => others[index];
  }
  if (Array.isArray(value)) {
    const parts = value.map((part) => visit(part, tensors));
    return (others) => parts.map((part) => part(others));
  }
  if (typeof value === 'object' && value !== null && !isThenable(value)) {
    const parts = Object.entries(value).map(
      ([name, part]) => [name, visit(part, tensors)] as const,
    );
    return (others) => Object.fromEntries(parts.map(([name, part]) => [name, part(others)]));
  }
  if (isThenable(value)) reject('compile', 'a function that is not async', 'a promise');
  return reject('compile', 'a function that returns tensors, in lists and objects', value);
}

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}
