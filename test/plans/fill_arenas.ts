import * as tf from '@tensorflow/tfjs';
import type { MenetBackend } from '../../src/backend/menet_backend.js';

/** Fills the arenas of all plans with NaN: no replay may depend on what another left there. */
export function fillArenas(): void {
  const { native } = tf.backend() as MenetBackend;
  for (let plan = 1; plan < 1000; plan++) {
    try {
      native.fillArena(plan, 0xff);
    } catch {
      continue; // no such plan
    }
  }
}
