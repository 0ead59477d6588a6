import { createRequire } from 'node:module';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '../backend/register.js';
import { findNative, nativeFailure } from '../native.js';
import { currentDevice } from '../devices.js';
import { type DriverName, type TorchDriverName, Unavailable } from './messages.js';

/** A way to run the cases. */
export interface Driver {
  fused: boolean;
  /** Makes its backend current; gives a description, or throws Unavailable. */
  start(): Promise<string>;
}

export const drivers: Record<Exclude<DriverName, TorchDriverName>, Driver> = {
  menet: { fused: true, start: startMenet },
  'stock menet': { fused: false, start: startMenet },
  'stock wasm': { fused: false, start: startWasm },
  'stock cpu': { fused: false, start: startCpu },
};

async function startMenet(): Promise<string> {
  const native = findNative();
  if (!native) throw new Unavailable(nativeFailure());
  await tf.setBackend('menet');
  const device = currentDevice();
  return device === 'cpu' ? `${native.isa()}, ${native.threads()} threads` : device;
}

async function startWasm(): Promise<string> {
  const name = '@tensorflow/tfjs-backend-wasm';
  const { resolve } = createRequire(import.meta.url);
  let folder: string;
  try {
    folder = path.dirname(resolve(`${name}/package.json`));
  } catch {
    throw new Unavailable(`${name} is not installed`);
  }
  const wasm = (await import(name)) as { setWasmPaths(prefix: string): void };
  wasm.setWasmPaths(path.join(folder, 'dist', path.sep));
  await tf.setBackend('wasm');
  const has = async (feature: string) =>
    (await tf.env().getAsync(`WASM_HAS_${feature}_SUPPORT`)) as boolean;
  const simd = (await has('SIMD')) ? 'SIMD' : 'no SIMD';
  return `${simd}, ${(await has('MULTITHREAD')) ? 'threads' : '1 thread'}`;
}

async function startCpu(): Promise<string> {
  await tf.setBackend('cpu');
  return 'JavaScript, 1 thread';
}
