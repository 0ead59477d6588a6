import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { chooseDevice } from '../devices.js';
import { InputError, reject } from '../errors.js';
import { findNative, native, nativeFailure } from '../native.js';
import { checkPrecision, precisions, type Precision } from '../precision.js';
import type { Flag, Flags, Values } from './flags.js';
import { checkThreadsVariable, threadsFlag } from './threads.js';

/** Flags of every command that computes. */
export const computeFlags = {
  backend: {
    help: 'what computes: menet, tensorflow (tfjs-node), wasm (cannot train) or cpu',
    value: 'NAME',
    choices: ['menet', 'tensorflow', 'wasm', 'cpu'],
    default: 'menet',
  },
  device: {
    help: 'cpu, cuda or cuda:N (default: MENET_DEVICE, else cpu)',
    value: 'DEVICE',
  },
  threads: threadsFlag,
  seed: {
    help: 'of initial weights, order and augmentation',
    value: 'N',
    least: 0,
    default: 0,
  },
} as const satisfies Flags;

/** Of commands without O, whose field `precision` it is otherwise. */
export const precisionFlag = {
  help: `what activations are stored as: ${precisions.join(', ')}`,
  value: 'TYPE',
  choices: precisions,
  default: 'float32',
} as const satisfies Flag;

/** The flag's value; throws an InputError where the backend in use cannot store activations so. */
export function precisionOf({ precision }: { precision: string }): Precision {
  checkPrecision('--precision', precision as Precision);
  return precision as Precision;
}

export type ComputeValues = Values<typeof computeFlags>;

/** Makes TensorFlow.js compute where the flags say. */
export async function useBackend(values: ComputeValues): Promise<void> {
  checkThreadsVariable();
  requireDevice(values);
  tf.enableProdMode(); // no check of every kernel's output for NaN, no banner on the cpu backend
  await backends[values.backend]?.(values.threads);
  await tf.setBackend(values.backend);
  await tf.ready();
}

/** Throws an InputError for a device that is not there, or that the backend cannot use. */
function requireDevice({ backend, device }: ComputeValues): void {
  const where = device === undefined ? 'MENET_DEVICE' : '--device';
  const name = device ?? (process.env.MENET_DEVICE || 'cpu');
  if (backend !== 'menet' && name !== 'cpu') reject(where, `cpu for --backend ${backend}`, name);
  if (backend === 'menet') chooseDevice(where, name);
}

/** What each backend needs before TensorFlow.js can use it. */
const backends: Record<string, (threads: number | undefined) => Promise<void>> = {
  menet: async (threads) => {
    const failure = nativeFailure();
    if (failure)
      throw new InputError(
        `--backend: menet is not available: ${failure}; --backend cpu runs anywhere`,
      );
    await import('../backend/register.js');
    if (threads !== undefined) native().threads(threads);
  },
  tensorflow: importTfjsNode,
  wasm: async (threads) => {
    const wasm = await importWasm();
    if (threads !== undefined) wasm.setThreadsCount(threads);
  },
};

/**
 * Loads tfjs-node or tfjs-node-gpu, with as many threads for TensorFlow's operations as for ours,
 * which run one after the other.
 */
async function importTfjsNode(threads: number | undefined): Promise<void> {
  if (threads !== undefined) {
    findNative()?.threads(threads);
    process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  }
  const here = createRequire(path.resolve('package.json')); // the project that menet is run in
  for (const name of ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu']) {
    let file;
    try {
      file = here.resolve(name);
    } catch {
      continue;
    }
    await import('../node23.js');
    await import(pathToFileURL(file).href);
    return;
  }
  throw new InputError(
    '--backend: tensorflow is not installed; run npm install @tensorflow/tfjs-node',
  );
}

async function importWasm() {
  try {
    return await import('@tensorflow/tfjs-backend-wasm');
  } catch {
    throw new InputError(
      '--backend: wasm is not installed; run npm install @tensorflow/tfjs-backend-wasm',
    );
  }
}

/** Throws an InputError for a backend that cannot train. */
export function requireGradients({ backend }: ComputeValues): void {
  if (backend === 'wasm')
    reject('--backend', 'menet, tensorflow or cpu (wasm has no gradients)', backend);
}
