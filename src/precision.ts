import { currentMenetBackend } from './backend/menet_backend.js';
import { reject } from './errors.js';

/** What activations can be stored as: the values of O's field `precision`. */
export const precisions = ['float32', 'bf16', 'fp16'] as const;

/**
 * What a network's activations and their gradients are stored as. Weights, their gradients,
 * statistics, optimizers and all sums are float32 in any case.
 */
export type Precision = (typeof precisions)[number];

/** Native element types of precisions. */
export const storageTypes = {
  float32: 'float32',
  bf16: 'bfloat16',
  fp16: 'float16',
} as const satisfies Record<Precision, string>;

/**
 * Checks that the current backend can store activations so: all can in float32, `menet` in all.
 * @throws InputError naming `where`, the expected and the received
 */
export function checkPrecision(where: string, precision: Precision): void {
  if (!precisions.includes(precision)) reject(where, precisions.join(', '), precision);
  if (precision !== 'float32' && currentMenetBackend() === undefined)
    reject(where, 'float32 on other backends than menet', precision);
}
