import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend, type MenetBackend } from '../backend/menet_backend.js';
import { InputError, reject } from '../errors.js';
import { mismatch } from '../ops/checks.js';
import { record, type Recording } from './recording.js';

/** Bytes of device memory that a plan holds, over its recordings. */
export interface PlanMemory {
  /** Shapes of inputs that are recorded. */
  recordings: number;
  /** Of the arenas: inputs, temporaries, scratch and outputs, packed by when they are needed. */
  arena: number;
  /** The most that is needed at once, below which no arena can be. */
  needed: number;
  /** What an arena without sharing would take. */
  unshared: number;
  /** Of constants that the function makes. */
  constants: number;
}

export interface CompileOptions {
  /**
   * How many sets of input shapes are kept recorded at a time (default 4); the one that was used
   * the longest ago makes room.
   */
  recordings?: number;
}

/** A function compiled for replay, made by {@link compile}. */
export class Plan<I extends tf.Tensor[], T> {
  private readonly recordings = new Map<string, Recording<T>>(); // the last used is last
  private readonly updated = new Set<tf.Variable>();
  private unsettled = false;
  private disposed = false;

  constructor(
    private readonly fn: (...inputs: I) => T,
    private readonly most: number,
  ) {
    forgotten.register(this, this.recordings);
  }

  /**
   * The function's result on these inputs: new tensors, which the caller disposes. The first run
   * with inputs of certain shapes calls the function and records it; later runs replay.
   * @throws InputError where the function cannot be replayed, a variable is disposed, or an input
   *   is no live tensor
   */
  run(...inputs: I): T {
    const backend = this.prepare(inputs);
    if (backend === undefined) return this.fn(...inputs);
    const key = signature(backend, inputs);
    return this.find(backend, key)?.replay(inputs) ?? this.record(backend, key, inputs);
  }

  /**
   * {@link run} without blocking the event loop; several may be in flight, and are done in the
   * order in which they were asked for. The inputs may be disposed at once. A run that records
   * is done before this returns.
   */
  async runAsync(...inputs: I): Promise<T> {
    const backend = this.prepare(inputs);
    if (backend === undefined) return this.fn(...inputs);
    const key = signature(backend, inputs);
    return this.find(backend, key)?.replayAsync(inputs) ?? this.record(backend, key, inputs);
  }

  get memory(): PlanMemory {
    const total = { recordings: 0, arena: 0, needed: 0, unshared: 0, constants: 0 };
    for (const recording of this.recordings.values()) {
      const { arena, needed, temporaries, constants } = recording.memory();
      total.recordings++;
      total.arena += arena;
      total.needed += needed;
      total.unshared += temporaries;
      total.constants += constants;
    }
    return total;
  }

  /** Frees what the plan holds; runs in flight end first. It cannot be run any more. */
  dispose(): void {
    forget(this.recordings);
    this.disposed = true;
  }

  /** The backend to record and replay on; undefined where the function simply runs. */
  private prepare(inputs: I): MenetBackend | undefined {
    if (this.disposed) throw new InputError('plan: expected a live plan, got a disposed one');
    inputs.forEach((input, i) => {
      if (!(input instanceof tf.Tensor)) reject(`plan: inputs[${i}]`, 'a tensor', input);
      if (input.isDisposed) mismatch(`plan: inputs[${i}]`, 'a live tensor', 'a disposed one');
    });
    const backend = currentMenetBackend();
    if (backend === undefined || backend.recording) return undefined;
    if (tf.engine().state.gradientDepth > 0)
      throw new InputError('plan: expected no gradient to be taken of a replay, got one');
    // Clones of variables that a replay updates keep their values.
    for (const variable of this.updated) {
      if (variable.isDisposed) this.updated.delete(variable);
      else backend.writable(variable);
    }
    return backend;
  }

  private find(backend: MenetBackend, key: string): Recording<T> | undefined {
    const recording = this.recordings.get(key);
    if (recording === undefined) return undefined;
    this.recordings.delete(key);
    if (recording.isCurrent(backend)) {
      this.recordings.set(key, recording);
      return recording;
    }
    recording.dispose();
    return undefined;
  }

  private record(backend: MenetBackend, key: string, inputs: I): T {
    const { result, recording, leftBehind, updated } = record(backend, this.fn, inputs);
    updated.forEach((variable) => this.updated.add(variable));
    if (recording) {
      this.keep(key, recording);
    } else if (this.unsettled) {
      tf.dispose(result as tf.TensorContainer);
      reject('compile', 'a function that leaves nothing behind but its result', leftBehind);
    }
    this.unsettled = recording === undefined;
    return result;
  }

  private keep(key: string, recording: Recording<T>): void {
    this.recordings.set(key, recording);
    const [oldest] = this.recordings;
    if (this.recordings.size <= this.most || oldest === undefined) return;
    this.recordings.delete(oldest[0]);
    oldest[1].dispose();
  }
}

function forget(recordings: Map<string, Recording<unknown>>): void {
  for (const recording of recordings.values()) recording.dispose();
  recordings.clear();
}

/** Plans that were collected without having been disposed. */
const forgotten = new FinalizationRegistry(forget);

function signature(backend: MenetBackend, inputs: readonly tf.Tensor[]): string {
  return inputs.map((x) => `${x.dtype} ${backend.storageOf(x)}[${x.shape.join()}]`).join();
}

/**
 * Compiles a function of tensors, such as a network's forward pass or a whole training step, so
 * that its runs on the backend `menet` need no JavaScript: the first run with inputs of certain
 * shapes calls the function and records its native calls, those that follow replay them, with the
 * same bits: on the CPU as a loop in native code, on a GPU as one CUDA graph.
 *
 *     const forward = compile((images: tf.Tensor4D) => model.apply(images));
 *     const logits = forward.run(images);
 *     forward.dispose();
 *
 * What changes from run to run must be an input or a variable: numbers and choices of the
 * function are what they were when it was recorded. Variables are used and updated where they are;
 * after `variable.assign` the next run records anew. On other backends the function simply runs.
 * @param fn synchronous; returns tensors, in lists and objects, and reads none on the host
 * @throws InputError for a bad number of recordings
 */
export function compile<I extends tf.Tensor[], T>(
  fn: (...inputs: I) => T,
  { recordings = 4 }: CompileOptions = {},
): Plan<I, T> {
  if (typeof fn !== 'function') reject('compile: fn', 'a function', fn);
  if (!(Number.isInteger(recordings) && recordings > 0))
    reject('compile: recordings', 'a whole number from 1', recordings);
  return new Plan(fn, recordings);
}
