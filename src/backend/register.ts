import * as tf from '@tensorflow/tfjs';
import { currentDevice } from '../devices.js';
import { findNative, nativeFailure } from '../native.js';
import { registerKernels } from './kernel.js';
import { nativeKernels } from './kernels.js';
import { backendName, MenetBackend } from './menet_backend.js';

/**
 * Below every backend of tfjs, whose least is 1: the default backend of a program does not
 * change because it imports this package.
 */
const priority = 0;

/**
 * Adds the backend `menet` to tfjs; where no native binary loads, says why instead. Does
 * nothing where another copy of this package (ES module and CommonJS) has added it.
 */
export function registerMenetBackend(): void {
  if (tf.findBackendFactory(backendName)) return;
  const native = findNative();
  if (native === undefined) {
    console.warn(`menet: backend '${backendName}' is not available: ${nativeFailure()}`);
    return;
  }
  tf.registerBackend(
    backendName,
    () => {
      registerKernels(nativeKernels);
      return new MenetBackend(native, currentDevice());
    },
    priority,
  );
}

registerMenetBackend();
