import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors.js';
import { type Attribute, type Native, type NativeDType, type NativeTensor } from '../native.js';
import { NativeBuffers, TensorData } from './tensor_data.js';

/** Raw bytes as an op's input, such as images [N, H, W, 3] before normalisation. */
export interface HostBytes {
  readonly bytes: Uint8Array;
  readonly shape: number[];
}

/** null stands for an optional input that is not given. */
export type OpInput = tf.TensorInfo | HostBytes | null;

export type OpAttributes = Readonly<Record<string, Attribute>>;

export const backendName = 'menet';

/**
 * TensorFlow.js backend whose float32, int32 and bool tensors live in native memory; complex64
 * and string tensors stay on the host. A float32 tensor may be stored in 16 bits and an int32 one
 * in bytes: ops that know such tensors get them as they are, for all else they are what they seem. Native kernels and fused ops run through {@link run};
 * kernels of tfjs-backend-cpu work too, reading and writing through `data.get(id).values`.
 */
export class MenetBackend extends tf.KernelBackend {
  readonly data: tf.DataStorage<TensorData>;
  /** Block size of tfjs-backend-cpu's matrix product, which reads it from the backend. */
  readonly blockSize = 48;
  readonly #buffers: NativeBuffers;
  /** Ops that take narrower types than TensorFlow.js knows. */
  readonly #storageOps: ReadonlySet<string>;
  readonly #collected = new FinalizationRegistry<TensorData>((data) => data.release());

  constructor(
    readonly native: Native,
    readonly device = 'cpu',
  ) {
    super();
    this.data = new tf.DataStorage(this, tf.engine());
    this.#buffers = new NativeBuffers(native, device);
    this.#storageOps = new Set([...native.halfOps(), 'NormalizeImages']);
  }

  /**
   * Runs a native op.
   * @param op name in the native registry
   * @param inputs tensors, raw bytes, or null for optional inputs that are not given. An input
   *   that the op documents as updated in place must come from {@link writable}.
   * @returns the outputs, each with a data id of its own
   * @throws Error naming the op, the input, what was expected and what was found
   */
  run(op: string, inputs: readonly OpInput[], attributes: OpAttributes = {}): tf.TensorInfo[] {
    const temporary: number[] = [];
    try {
      const asStored = this.#takesAsStored(op, inputs);
      const tensors = inputs.map((input) => this.#nativeTensor(input, asStored, temporary));
      const outputs = this.native.run(op, tensors, attributes, this.device);
      return outputs.map((output) => this.adopt(output));
    } finally {
      for (const id of temporary) this.#buffers.free(id);
    }
  }

  /** Type of a tensor's elements in native memory; that of TensorFlow.js for those on the host. */
  storageOf({ dataId }: tf.TensorInfo): NativeDType {
    return this.data.get(dataId).storage;
  }

  /** A float32 tensor stored in another type, or in 32 bits again: a copy, rounded to nearest even. */
  convert(tensor: tf.TensorInfo, storage: NativeDType): tf.TensorInfo {
    return this.run('Cast', [tensor], { dtype: storage })[0]!;
  }

  /**
   * Runs a native op and gives its outputs as tensors of the current scope.
   * @param updated variables among the inputs that the op updates in place
   */
  runFused(
    op: string,
    inputs: readonly OpInput[],
    attributes?: OpAttributes,
    updated: readonly tf.Variable[] = [],
  ): tf.Tensor[] {
    for (const variable of updated) this.writable(variable);
    const outputs = this.run(op, inputs, attributes);
    return outputs.map((output) => tf.engine().makeTensorFromTensorInfo(output, this));
  }

  /**
   * Works with `dy` stored as `y` is: stock ops give gradients in float32, also those of activations
   * that are stored in 16 bits.
   */
  withStorageOf<T>(dy: tf.Tensor, y: tf.Tensor, work: (dy: tf.TensorInfo) => T): T {
    const storage = this.storageOf(y);
    if (this.storageOf(dy) === storage) return work(dy);
    const converted = this.convert(dy, storage);
    try {
      return work(converted);
    } finally {
      this.disposeData(converted.dataId);
    }
  }

  /**
   * The variable, made safe to update in place by a native op: if clones share its data (saved
   * for a gradient, or the tensor that it was made from), they get a copy first, so that they keep
   * their values. The variable keeps its buffer, which plans know it by.
   */
  writable<R extends tf.Rank>(variable: tf.Variable<R>): tf.Variable<R> {
    if (this.refCount(variable.dataId) > 1) {
      const [copy] = this.run('Identity', [variable]) as [tf.TensorInfo];
      this.data.get(copy.dataId).exchange(this.data.get(variable.dataId));
      const tensor = tf.engine().makeTensorFromTensorInfo(copy, this) as tf.Tensor<R>;
      variable.assign(tensor);
      tensor.dispose();
    }
    this.#buffers.recording?.add(variable);
    return variable;
  }

  /** Whether native calls are being recorded for a plan. */
  get recording(): boolean {
    return this.#buffers.recording !== undefined;
  }

  /**
   * From now on native calls are recorded, and what would differ in a replay throws.
   * @param inputs what replays will be given others for
   * @returns the variables that are updated in place, as they come
   */
  startRecording(inputs: readonly tf.Tensor[]): ReadonlySet<tf.Variable> {
    this.native.record(this.#buffersOf(inputs), this.device);
    return (this.#buffers.recording = new Set());
  }

  /** Ends the recording; see {@link Native.finishRecording}. */
  finishRecording(outputs: readonly tf.Tensor[]): ReturnType<Native['finishRecording']> {
    return this.native.finishRecording(this.#buffersOf(outputs));
  }

  /** Back to normal, whatever came of the recording. */
  endRecording(): void {
    this.native.cancelRecording();
    this.#buffers.recording = undefined;
  }

  #buffersOf(tensors: readonly tf.Tensor[]): number[] {
    return tensors.map(({ dataId }) => this.data.get(dataId).buffer);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const size = tf.util.sizeFromShape(shape);
    this.#store(dataId, new TensorData(this.#buffers, dtype, size, refCount, { values }));
  }

  /** Waits for a GPU without blocking the event loop. */
  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const data = this.data.get(dataId);
    if (this.device === 'cpu' || data.complexTensorInfos !== undefined) {
      return this.readSync(dataId);
    }
    const values = await data.readAsync();
    return tf.util.convertBackendValuesAndArrayBuffer(values, data.dtype);
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    const data = this.data.get(dataId);
    if (data.complexTensorInfos !== undefined) {
      const { real, imag } = data.complexTensorInfos;
      return tf.backend_util.mergeRealAndImagArrays(
        this.readSync(real.dataId) as Float32Array,
        this.readSync(imag.dataId) as Float32Array,
      );
    }
    return tf.util.convertBackendValuesAndArrayBuffer(data.read(), data.dtype);
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    data.refCount--;
    if (!force && data.refCount > 0) return false;
    if (data.complexTensorInfos !== undefined) {
      this.disposeData(data.complexTensorInfos.real.dataId, true);
      this.disposeData(data.complexTensorInfos.imag.dataId, true);
    }
    this.data.delete(dataId);
    this.#collected.unregister(data);
    data.release();
    return true;
  }

  override refCount(dataId: tf.DataId): number {
    return this.data.has(dataId) ? this.data.get(dataId).refCount : 0;
  }

  override incRef(dataId: tf.DataId): void {
    this.data.get(dataId).refCount++;
  }

  decRef(dataId: tf.DataId): void {
    if (this.data.has(dataId)) this.data.get(dataId).refCount--;
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  /** Exact: native memory is freed when tensors are disposed or collected. */
  override memory(): { unreliable: boolean; bytesInUse: number; peakBytesInUse: number } {
    const { bytesInUse, peakBytesInUse } = this.native.memory(this.device);
    return { unreliable: false, bytesInUse, peakBytesInUse };
  }

  /**
   * An int32 tensor, stored in bytes, that is written while what was started before goes on.
   * @param bytes must stay as they are until the promise resolves, where they are shared memory
   */
  async upload(bytes: Uint8Array, shape: number[]): Promise<tf.TensorInfo> {
    const id = this.#buffers.allocate(bytes.byteLength);
    try {
      await this.native.writeAsync(id, bytes);
    } catch (error) {
      this.#buffers.free(id);
      throw error;
    }
    return this.adopt({ id, shape, dtype: 'uint8' });
  }

  override async time(f: () => void): Promise<{ kernelMs: number }> {
    const start = tf.util.now();
    f();
    return { kernelMs: tf.util.now() - start };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  /** Frees all native memory of this backend, that of live tensors included. */
  override dispose(): void {
    this.#buffers.freeAll();
  }

  /** A tensor that takes over a native buffer. */
  adopt({ id, shape, dtype: storage }: NativeTensor): tf.TensorInfo {
    const dtype = visibleTypes[storage] ?? (storage as tf.DataType);
    const size = tf.util.sizeFromShape(shape);
    const dataId = {};
    this.#store(dataId, new TensorData(this.#buffers, dtype, size, 1, { buffer: id, storage }));
    return { dataId, shape, dtype };
  }

  // What follows is what kernels of tfjs-backend-cpu ask of their backend.

  makeTensorInfo(
    shape: number[],
    dtype: tf.DataType,
    values?: tf.BackendValues | string[],
  ): tf.TensorInfo {
    const encoded =
      dtype === 'string' && tf.util.isString(values?.[0] as string)
        ? (values as string[]).map((text) => tf.util.encodeString(text))
        : (values as tf.BackendValues);
    return { dataId: this.write(encoded, shape, dtype), shape, dtype };
  }

  makeOutput(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.Tensor {
    const info = this.makeTensorInfo(shape, dtype, values);
    return tf.engine().makeTensorFromTensorInfo(info, this);
  }

  bufferSync(tensor: tf.TensorInfo): tf.TensorBuffer<tf.Rank, tf.DataType> {
    const data = this.readSync(tensor.dataId);
    const values =
      tensor.dtype === 'string'
        ? (data as Uint8Array[]).map((bytes) => tf.util.decodeString(bytes))
        : (data as Float32Array);
    return tf.buffer(tensor.shape, tensor.dtype, values);
  }

  disposeIntermediateTensorInfo(tensor: tf.TensorInfo): void {
    this.disposeData(tensor.dataId);
  }

  /** Whether an op gets tensors as they are stored. What it puts together must be alike. */
  #takesAsStored(op: string, inputs: readonly OpInput[]): boolean {
    if (!this.#storageOps.has(op)) return false;
    if (op !== 'Concat') return true;
    return new Set((inputs as tf.TensorInfo[]).map((input) => this.storageOf(input))).size === 1;
  }

  #nativeTensor(input: OpInput, asStored: boolean, temporary: number[]): NativeTensor | null {
    if (input === null) return null;
    if (!('dataId' in input)) {
      if (this.recording)
        throw new InputError('compile: expected tensors, got bytes that every replay would repeat');
      const id = this.#buffers.allocate(input.bytes.byteLength);
      temporary.push(id);
      this.native.write(id, input.bytes);
      return { id, shape: input.shape, dtype: 'uint8' };
    }
    const data = this.data.get(input.dataId);
    const dtype = input.dtype as NativeDType;
    const source = { id: data.buffer, shape: input.shape, dtype: data.storage };
    if (data.storage === dtype || (asStored && data.dtype === dtype)) return source;
    // Stored in 16 bits, or of another type: tfjs-backend-cpu casts int32 and bool upwards by
    // relabelling the same data.
    const cast = this.#buffers.cast(source, dtype);
    temporary.push(cast.id);
    return cast;
  }

  #store(dataId: tf.DataId, data: TensorData): void {
    this.data.set(dataId, data);
    this.#collected.register(dataId, data, data);
  }
}

/** What TensorFlow.js takes tensors of narrower types for. */
const visibleTypes: Partial<Record<NativeDType, tf.DataType>> = {
  bfloat16: 'float32',
  float16: 'float32',
  uint8: 'int32',
};

/** The current backend if it is `menet`, of whichever copy of this package. */
export function currentMenetBackend(): MenetBackend | undefined {
  return tf.getBackend() === backendName ? (tf.backend() as MenetBackend) : undefined;
}
