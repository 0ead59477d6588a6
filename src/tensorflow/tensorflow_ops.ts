import * as tf from '@tensorflow/tfjs';
import { type FusedOps, type OpAttributes, type OpInput } from '../ops/fused_ops.js';
import { findNative, type Native, nativeFailure } from '../native.js';
import { packageVersion } from '../package_version.js';

/** What the ops need of tfjs-node's backend (tfjs-node/src/nodejs_kernel_backend.ts). */
interface TfjsNodeBackend extends tf.KernelBackend {
  readonly binding: { readonly TF_ATTR_INT: number };
  executeMultipleOutputs(
    name: string,
    attributes: { name: string; type: number; value: number }[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

/**
 * Native ops inside the libtensorflow that tfjs-node or tfjs-node-gpu has loaded, on its tensors:
 * registered there by its C API when they are first called (native/tensorflow).
 */
export class TensorflowOps implements FusedOps {
  readonly #version = packageVersion();

  constructor(
    readonly native: Native,
    readonly backend: TfjsNodeBackend,
  ) {}

  /**
   * Runs a native op on TensorFlow's tensors. These are never written once they are made: the new
   * values of `updated` are further outputs, which are assigned.
   */
  runFused(
    op: string,
    inputs: readonly OpInput[],
    attributes: OpAttributes = {},
    updated: readonly tf.Variable[] = [],
  ): tf.Tensor[] {
    const index = new Map(inputs.map((input, i) => [input, i]));
    const written = updated.map((variable) => index.get(variable) as number);
    const types = inputs.map(typeOf);
    const { tensorflow } = this.native;
    const call = tensorflow.prepare(op, types, attributes, written, this.#version);
    const temporary: tf.DataId[] = [];
    const upload = (values: Int32Array | Uint8Array, shape: number[], dtype: 'int32' | 'bool') => {
      const dataId = this.backend.write(values, shape, dtype);
      temporary.push(dataId);
      return { dataId, shape, dtype };
    };
    try {
      const lists = byType(inputs, upload);
      const outputs = this.backend.executeMultipleOutputs(
        call.name,
        this.#counts({
          floats: lists.floats.length,
          ints: lists.ints.length,
          bytes: lists.bytes.length,
          outputs: call.outputs + updated.length,
        }),
        [
          upload(call.message, [call.message.length], 'int32'),
          ...lists.floats,
          ...lists.ints,
          ...lists.bytes,
        ],
        call.outputs + updated.length,
      );
      assign(updated, outputs.splice(call.outputs));
      return outputs;
    } finally {
      for (const dataId of temporary) this.backend.disposeData(dataId);
    }
  }

  /** All are float32 here. */
  withStorageOf<T>(dy: tf.Tensor, _y: tf.Tensor, work: (dy: tf.TensorInfo) => T): T {
    return work(dy);
  }

  #counts(counts: Record<string, number>) {
    const type = this.backend.binding.TF_ATTR_INT;
    return Object.entries(counts).map(([name, value]) => ({ name, type, value }));
  }
}

/** Bytes travel as TensorFlow's bool, the one type of one byte that tfjs has. */
function byType(
  inputs: readonly OpInput[],
  upload: (values: Uint8Array, shape: number[], dtype: 'bool') => tf.TensorInfo,
) {
  const floats: tf.TensorInfo[] = [];
  const ints: tf.TensorInfo[] = [];
  const bytes: tf.TensorInfo[] = [];
  for (const input of inputs) {
    if (input === null) continue;
    if (!('dataId' in input)) bytes.push(upload(input.bytes, input.shape, 'bool'));
    else if (input.dtype === 'int32') ints.push(input);
    else floats.push(input);
  }
  return { floats, ints, bytes };
}

function typeOf(input: OpInput): { shape: number[]; dtype: 'float32' | 'int32' | 'uint8' } | null {
  if (input === null) return null;
  if (!('dataId' in input)) return { shape: input.shape, dtype: 'uint8' };
  return { shape: input.shape, dtype: input.dtype as 'float32' | 'int32' };
}

function assign(variables: readonly tf.Variable[], values: tf.Tensor[]): void {
  variables.forEach((variable, i) => {
    const value = values[i] as tf.Tensor;
    variable.assign(value);
    value.dispose();
  });
}

const found = new WeakMap<tf.KernelBackend, TensorflowOps | 'none'>();

/**
 * Native ops inside TensorFlow if the current backend is tfjs-node's; undefined where they cannot
 * run there, which one warning explains.
 */
export function currentTensorflowOps(): TensorflowOps | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined;
  const backend = tf.backend() as TfjsNodeBackend;
  let ops = found.get(backend);
  if (ops === undefined) {
    ops = find(backend);
    found.set(backend, ops);
  }
  return ops === 'none' ? undefined : ops;
}

function find(backend: TfjsNodeBackend): TensorflowOps | 'none' {
  const native = findNative();
  try {
    if (native === undefined) throw new Error(nativeFailure());
    native.tensorflow.find();
    return new TensorflowOps(native, backend);
  } catch (error) {
    const reason = (error as Error).message;
    console.warn(
      `menet: fused operations run as stock ones on backend 'tensorflow', more slowly: ${reason}`,
    );
    return 'none';
  }
}
