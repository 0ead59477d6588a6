import * as tf from '@tensorflow/tfjs';

/**
 * Frees what a gradient had saved when it threw: tfjs does so at the end of a backward pass alone,
 * and a device that is out of memory would stay so.
 */
export function abandonTape(): void {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) return; // an outer gradient's tape
  for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
  state.activeTape = null as never; // as tfjs has it between gradients
}
