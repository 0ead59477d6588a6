import type { KernelTime } from '../native.js';
import type { Precision } from '../precision.js';
import type { BenchCase, Mode } from './cases.js';

/** Ways to run a case. Each is compared with the first, and its outputs with the last one's. */
export const driverNames = ['menet', 'stock menet', 'stock wasm', 'stock cpu'] as const;

/** Ways to run it with PyTorch, all with channels last: bench/torch_driver.py. */
export const torchDriverNames = ['torch channels_last', 'torch graphs', 'torch compile'] as const;

export type TorchDriverName = (typeof torchDriverNames)[number];

export type DriverName = (typeof driverNames)[number] | TorchDriverName;

export type { Precision } from '../precision.js';

/** How PyTorch's drivers are started. */
export interface TorchOptions {
  /** a Python with torch, numpy and safetensors */
  python: string;
  /** PyTorch's name of the device: `cpu`, `cuda:0` */
  device: string;
  /** folder of the networks' weights, MODEL.safetensors */
  weights: string;
}

/** What a driver's process is asked. */
export type Request =
  | { type: 'prepare'; case: BenchCase; mode: Mode; precision?: Precision }
  /** Run what was prepared that often (default once), and wait for the last one. */
  | { type: 'time'; runs?: number }
  /** Run it that often, waiting for each. */
  | { type: 'latencies'; runs: number }
  /** Time each kernel of a run. */
  | { type: 'profile' }
  /** Free what was prepared. */
  | { type: 'release' }
  /** Copy so many bytes from the device to itself. */
  | { type: 'copy'; bytes: number };

/** What it answers: `started` unasked, one of the others to each request. */
export type Reply =
  | { type: 'started'; description: string }
  /** The driver or what it was asked for is not to be had here. */
  | { type: 'unavailable'; reason: string }
  /** The first run: its outputs, thinned out, and its time. */
  | { type: 'prepared'; outputs: Float32Array[]; milliseconds: number }
  /** of one run; `peakBytes` of the device's memory that were in use meanwhile */
  | { type: 'timed'; milliseconds: number; peakBytes?: number }
  | { type: 'latencies'; milliseconds: number[] }
  | { type: 'profiled'; kernels: KernelTime[] }
  | { type: 'released' }
  | { type: 'copied'; bytesPerSecond: number }
  | { type: 'failed'; message: string };

/** A driver that this machine does not have, or a case that a driver has no kernels for. */
export class Unavailable extends Error {}
