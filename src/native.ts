import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeImages } from './native_images.js';

/** Element types of native buffers; float64 in the test build alone. */
export type NativeDType =
  'float32' | 'bfloat16' | 'float16' | 'int32' | 'bool' | 'uint8' | 'float64';

/** A buffer in native memory seen as a tensor. Several may share one buffer. */
export interface NativeTensor {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: NativeDType;
}

export type Attribute = number | boolean | string | readonly number[] | undefined;

/** What the allocator of a device holds, in bytes. */
export interface NativeMemory {
  bytesInUse: number;
  peakBytesInUse: number;
  /** Held from the system, in use or cached. */
  bytesReserved: number;
  peakBytesReserved: number;
  /** The most that may be reserved (MENET_MEMORY_LIMIT); Infinity where nothing is set. */
  bytesLimit: number;
  /** Allocations ever made, and those that had to ask the system. */
  allocations: number;
  systemAllocations: number;
  /** Live buffers of this JavaScript environment. */
  buffers: number;
}

/** All launches of one kernel by one op between startProfile and finishProfile. */
export interface KernelTime {
  op: string;
  kernel: string;
  launches: number;
  milliseconds: number;
  /** of the buffers that its arguments point to, each once in a launch */
  bytes: number;
}

/** Bytes of a plan, and the ops that a replay runs. */
export interface NativePlanMemory {
  /** Inputs, temporaries, scratch and outputs, packed. */
  arena: number;
  /** The same side by side. */
  temporaries: number;
  /** The most of them that is needed at once. */
  needed: number;
  constants: number;
  steps: number;
}

/** A device as the native core lists it; what it does not know is 0 or empty. */
export interface NativeDevice {
  name: string;
  description: string;
  /** bytes */
  memory: number;
  computeCapability: string;
  driver: string;
  libraries: string;
}

/** Native ops inside the libtensorflow that is loaded in this process. */
export interface NativeTensorflow {
  /** Throws saying why there is none to run ops in. */
  find(): void;
  /**
   * Registers the op there, if it is not yet, checks a call and says how to make it.
   * @param updated indices of the inputs that the op updates in place
   * @param version of this package, which ops of several copies are told apart by
   * @returns the op's name there, its first input, and how many outputs of its own it has, behind
   *   which come the new values of `updated`
   */
  prepare(
    op: string,
    inputs: readonly (Omit<NativeTensor, 'id'> | null)[],
    attributes: Readonly<Record<string, Attribute>>,
    updated: readonly number[],
    version: string,
  ): { name: string; message: Int32Array; outputs: number };
}

/** The one door to the native core. Every method throws an Error naming the op, what was expected and what was found. */
export interface Native {
  allocate(bytes: number, device?: string): number;
  /** A buffer that shares `bytes` bytes from `offset` of another; either may be freed first. */
  view(id: number, offset: number, bytes: number): number;
  free(id: number): void;
  read(id: number, target: ArrayBufferView | ArrayBuffer, offset?: number): void;
  /** What the buffer holds now, read without blocking; the buffer may be freed at once. */
  readAsync(id: number, bytes: number, offset?: number): Promise<ArrayBuffer>;
  write(id: number, source: ArrayBufferView | ArrayBuffer, offset?: number): void;
  /**
   * The same in a worker thread, behind all work that was started before and beside what is started
   * then. Until it resolves nothing may use the buffer, and shared memory must stay as it is.
   */
  writeAsync(id: number, source: ArrayBufferView | ArrayBuffer, offset?: number): Promise<void>;
  /** Runs an op on the device of its inputs; the caller owns the outputs. */
  run(
    op: string,
    inputs: readonly (NativeTensor | null)[],
    attributes?: Readonly<Record<string, Attribute>>,
    device?: string,
  ): NativeTensor[];
  /** From now on everything is logged; `inputs` are the buffers that replays will be given. */
  record(inputs: readonly number[], device: string): void;
  /**
   * Ends the recording: a plan or, where something else than the outputs was left behind, what it
   * was; and the live buffers that replays use beside their own.
   */
  finishRecording(outputs: readonly number[]): { plan?: number; kept: string; bound: number[] };
  /** Ends a recording, if there is one, without a plan. */
  cancelRecording(): void;
  /** Does the recorded work on inputs of the same sizes; the caller owns the outputs. */
  replay(plan: number, inputs: readonly number[]): number[];
  /** The same off the event loop, in the order of the calls. Inputs may be freed at once. */
  replayAsync(plan: number, inputs: readonly number[]): Promise<number[]>;
  planMemory(plan: number): NativePlanMemory;
  /** Frees a plan; replays in flight end first. */
  disposePlan(plan: number): void;
  /** Fills a plan's arena with a byte, on which no replay may depend. */
  fillArena(plan: number, byte: number): void;
  ops(): string[];
  /** Those that take bfloat16 and float16 tensors; the others want float32. */
  halfOps(): string[];
  /** All devices, the CPU first, and why there is no GPU among them. */
  devices(): { devices: NativeDevice[]; whyNoCuda: string };
  threads(count?: number): number;
  isa(): 'generic' | 'avx2' | 'avx512';
  memory(device?: string): NativeMemory;
  /** Times single kernels of a GPU from now on; the CPU has none. */
  startProfile(device: string): void;
  finishProfile(device: string): KernelTime[];
  resetPeak(device?: string): void;
  releaseCache(device?: string): void;
  readonly images: NativeImages;
  readonly tensorflow: NativeTensorflow;
}

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));

let loaded: Native | undefined;
let failure: string | undefined;

/** Path of the addon: MENET_BINARY, a build of this checkout or the package's prebuilt binary. */
function load(): void {
  try {
    const file =
      process.env.MENET_BINARY ??
      (require('node-gyp-build') as { path(dir: string): string }).path(root);
    loaded = require(file) as Native;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    failure = `no native binary for ${process.platform}-${process.arch} (${reason})`;
  }
}

/** The native core, or undefined where no binary loads. */
export function findNative(): Native | undefined {
  if (loaded === undefined && failure === undefined) load();
  return loaded;
}

/** Why there is no native core. */
export function nativeFailure(): string | undefined {
  findNative();
  return failure;
}

/** The native core; throws where no binary loads. */
export function native(): Native {
  const found = findNative();
  if (found === undefined) throw new Error(`menet: ${failure}; build it with: npm run build`);
  return found;
}
