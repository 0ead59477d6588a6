import * as tf from '@tensorflow/tfjs';
import { type MenetBackend } from '../backend/menet_backend.js';
import { isNativeDType, type TensorData } from '../backend/tensor_data.js';
import { InputError, reject } from '../errors.js';
import { type NativePlanMemory, type NativeTensor } from '../native.js';
import { takeApart, type TensorStructure } from './tensor_structure.js';

/** A variable that replays use, and the buffer that they expect it in. */
interface BoundVariable {
  readonly variable: tf.Variable;
  readonly buffer: number;
  dataId: tf.DataId;
  data: TensorData;
}

/** What one eager run of a function has shown. */
export interface Attempt<T> {
  /** The run's result: tensors that are the caller's. */
  result: T;
  /** How to do it again; undefined where the run left something behind. */
  recording?: Recording<T>;
  /** What it left behind. */
  leftBehind?: string;
  /** Variables that it updated in place. */
  updated: ReadonlySet<tf.Variable>;
}

/** A function's native calls on inputs of certain shapes, to be replayed without it. */
export class Recording<T> {
  constructor(
    private readonly backend: MenetBackend,
    private readonly plan: number,
    private readonly variables: readonly BoundVariable[],
    private readonly outputs: readonly Omit<NativeTensor, 'id'>[],
    private readonly rebuild: TensorStructure<T>['rebuild'],
  ) {}

  /** Whether every variable is where it was. Throws an InputError naming one that is disposed. */
  isCurrent(backend: MenetBackend): boolean {
    return backend === this.backend && this.variables.every((bound) => this.isInPlace(bound));
  }

  private isInPlace(bound: BoundVariable): boolean {
    const { variable, buffer } = bound;
    if (variable.isDisposed) {
      const what = `${variable.name} [${variable.shape.join(', ')}]`;
      throw new InputError(`plan: expected live variables, got variable ${what}, disposed`);
    }
    if (variable.dataId !== bound.dataId) {
      bound.dataId = variable.dataId;
      bound.data = this.backend.data.get(variable.dataId);
    }
    return bound.data.liveBuffer === buffer;
  }

  replay(inputs: readonly tf.Tensor[]): T {
    return this.wrap(this.backend.native.replay(this.plan, this.buffersOf(inputs)));
  }

  async replayAsync(inputs: readonly tf.Tensor[]): Promise<T> {
    const { native } = this.backend;
    return this.wrap(await native.replayAsync(this.plan, this.buffersOf(inputs)));
  }

  memory(): NativePlanMemory {
    return this.backend.native.planMemory(this.plan);
  }

  dispose(): void {
    this.backend.native.disposePlan(this.plan);
  }

  private buffersOf(inputs: readonly tf.Tensor[]): number[] {
    return inputs.map(({ dataId }) => this.backend.data.get(dataId).buffer);
  }

  private wrap(buffers: number[]): T {
    const tensors = buffers.map((id, i) => {
      const info = this.backend.adopt({ id, ...this.outputs[i]! });
      return tf.engine().makeTensorFromTensorInfo(info, this.backend);
    });
    return this.rebuild(tensors);
  }
}

/** Runs a function eagerly on copies of the inputs, and logs its native calls. */
export function record<I extends tf.Tensor[], T>(
  backend: MenetBackend,
  fn: (...inputs: I) => T,
  inputs: I,
): Attempt<T> {
  const before = variablesByName();
  const copies = inputs.map((input) => copyOf(backend, input)) as I;
  try {
    const updated = backend.startRecording(copies);
    const { tensors, rebuild } = runScoped(fn, copies);
    const { plan, kept, bound } = backend.finishRecording(tensors);
    const result = rebuild(tensors);
    const leftBehind = changedVariable(before) ?? kept;
    if (plan === undefined || leftBehind !== '') {
      if (plan !== undefined) backend.native.disposePlan(plan);
      return { result, leftBehind, updated };
    }
    const variables = boundVariables(backend, new Set(bound));
    const outputs = tensors.map((y) => ({ shape: y.shape, dtype: backend.storageOf(y) }));
    const recording = new Recording(backend, plan, variables, outputs, rebuild);
    return { result, recording, updated };
  } finally {
    backend.endRecording();
    tf.dispose(copies);
  }
}

function copyOf(backend: MenetBackend, input: tf.Tensor): tf.Tensor {
  const [copy] = backend.run('Identity', [input]) as [tf.TensorInfo];
  return tf.engine().makeTensorFromTensorInfo(copy, backend);
}

/** Outputs are tensors of their own: what was there before, or is there twice, is cloned. */
function runScoped<I extends tf.Tensor[], T>(
  fn: (...inputs: I) => T,
  inputs: I,
): TensorStructure<T> {
  let rebuild: TensorStructure<T>['rebuild'] | undefined;
  const tensors = tf.tidy(() => {
    const scope = tf.tensor([]).id;
    const result = takeApart(fn(...inputs));
    rebuild = result.rebuild;
    const seen = new Set<tf.Tensor>();
    return result.tensors.map((tensor) => {
      if (!isNativeDType(tensor.dtype))
        reject('compile', 'a function that returns numbers', `a tensor of ${tensor.dtype}`);
      const own = tensor.id > scope && !(tensor instanceof tf.Variable) && !seen.has(tensor);
      seen.add(tensor);
      return own ? tensor : tf.clone(tensor);
    });
  });
  return { tensors, rebuild: rebuild! };
}

function variablesByName(): Map<tf.Variable, tf.DataId> {
  const { registeredVariables } = tf.engine().state;
  return new Map(Object.values(registeredVariables).map((v) => [v, v.dataId]));
}

function changedVariable(before: ReadonlyMap<tf.Variable, tf.DataId>): string | undefined {
  for (const [variable, dataId] of variablesByName()) {
    const known = before.get(variable);
    if (known === dataId) continue;
    return `${known ? 'a new value of' : 'a new'} variable ${variable.name}`;
  }
  return undefined;
}

function boundVariables(backend: MenetBackend, bound: ReadonlySet<number>): BoundVariable[] {
  return [...variablesByName()].flatMap(([variable, dataId]) => {
    if (!backend.data.has(dataId)) return []; // another backend's
    const data = backend.data.get(dataId);
    const buffer = data.liveBuffer;
    return buffer !== undefined && bound.has(buffer) ? [{ variable, dataId, data, buffer }] : [];
  });
}
