import { RunError } from '../errors.js';

/** A run's loss or gradients are no numbers any more. */
export class DivergedError extends RunError {
  override readonly name = 'DivergedError';
}
