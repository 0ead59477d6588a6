import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors.js';
import { type Native, type NativeDType, type NativeTensor } from '../native.js';

/** The native buffers that a backend holds, so that they can all be given back at once. */
export class NativeBuffers {
  /** While native calls are recorded: the variables that they update in place. */
  recording: Set<tf.Variable> | undefined;
  readonly #live = new Set<number>();

  constructor(
    readonly native: Native,
    readonly device: string,
  ) {}

  allocate(bytes: number): number {
    const id = this.native.allocate(bytes, this.device);
    this.#live.add(id);
    return id;
  }

  /** A tensor's elements as another type, in a buffer of their own. */
  cast(tensor: NativeTensor, dtype: NativeDType): NativeTensor {
    const [cast] = this.native.run('Cast', [tensor], { dtype }, this.device) as [NativeTensor];
    this.#live.add(cast.id);
    return cast;
  }

  /** Takes over a buffer that an op has made. */
  adopt(id: number): void {
    this.#live.add(id);
  }

  /** Frees a buffer; one that is gone already, since the backend was disposed, is left alone. */
  free(id: number): void {
    if (this.#live.delete(id)) this.native.free(id);
  }

  freeAll(): void {
    for (const id of this.#live) this.native.free(id);
    this.#live.clear();
    this.native.releaseCache(this.device);
  }
}

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/** Types that native buffers can hold; tensors of the others stay on the host. */
export type NativeTensorDType = keyof typeof arrays;

export function isNativeDType(dtype: string): dtype is NativeTensorDType {
  return dtype in arrays;
}

/**
 * What one data id stands for: values on the host or a native buffer, never both, so that
 * neither can be stale. Each side is made from the other when it is asked for. A native buffer may
 * hold the values in a narrower type, of which TensorFlow.js knows nothing.
 */
export class TensorData {
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
  #values: tf.BackendValues | undefined;
  #buffer: number | undefined;
  #storage: NativeDType;
  readonly #madeIn: object | undefined;

  constructor(
    readonly buffers: NativeBuffers,
    readonly dtype: tf.DataType,
    readonly size: number,
    public refCount: number,
    source: { values: tf.BackendValues } | { buffer: number; storage: NativeDType },
  ) {
    this.#storage = dtype as NativeDType;
    this.#madeIn = buffers.recording;
    if ('buffer' in source) {
      this.#buffer = source.buffer;
      this.#storage = source.storage;
      buffers.adopt(source.buffer);
    } else {
      this.#values = source.values;
    }
  }

  /**
   * The values on the host, which become the only copy: kernels of tfjs-backend-cpu write
   * their outputs through this array.
   */
  get values(): tf.BackendValues {
    if (this.#buffer !== undefined) {
      this.#values = this.read();
      this.buffers.free(this.#buffer);
      this.#buffer = undefined;
      this.#storage = this.dtype as NativeDType;
    }
    this.#expectReadable();
    return this.#values as tf.BackendValues;
  }

  /** The values for reading; native data stay where they are. */
  read(): tf.BackendValues {
    this.#expectReadable();
    if (this.#buffer === undefined) return this.#values as tf.BackendValues;
    const array = new arrays[this.dtype as NativeTensorDType](this.size);
    this.#converted((id) => this.buffers.native.read(id, array));
    return array;
  }

  /** The same as {@link read}, as they are now, without blocking the event loop. */
  async readAsync(): Promise<tf.BackendValues> {
    this.#expectReadable();
    if (this.#buffer === undefined) return this.#values as tf.BackendValues;
    const TypedArray = arrays[this.dtype as NativeTensorDType];
    const bytes = this.size * TypedArray.BYTES_PER_ELEMENT;
    const { native } = this.buffers;
    return new TypedArray(await this.#converted((id) => native.readAsync(id, bytes)));
  }

  /** Type of the native buffer's elements. */
  get storage(): NativeDType {
    return this.#storage;
  }

  /** The native buffer, which becomes the only copy: native ops may write to it. */
  get buffer(): number {
    if (this.#buffer === undefined) {
      const values = this.#nativeValues();
      this.#buffer = this.buffers.allocate(values.byteLength);
      this.buffers.native.write(this.#buffer, values);
      this.#values = undefined;
    }
    return this.#buffer;
  }

  /** The native buffer, if there is one. */
  get liveBuffer(): number | undefined {
    return this.#buffer;
  }

  /** Data of the same size and type exchange their buffers. */
  exchange(other: TensorData): void {
    [this.#buffer, other.#buffer] = [other.buffer, this.buffer];
    [this.#storage, other.#storage] = [other.#storage, this.#storage];
  }

  /** Frees native memory. The data must not be used any more. */
  release(): void {
    if (this.#buffer !== undefined) this.buffers.free(this.#buffer);
    this.#buffer = undefined;
    this.#values = undefined;
  }

  /** Does something with a buffer that holds the type that TensorFlow.js knows. */
  #converted<T>(work: (id: number) => T): T {
    const dtype = this.dtype as NativeDType;
    const id = this.#buffer!;
    if (this.#storage === dtype) return work(id);
    const cast = this.buffers.cast({ id, shape: [this.size], dtype: this.#storage }, dtype);
    try {
      return work(cast.id);
    } finally {
      this.buffers.free(cast.id);
    }
  }

  /**
   * What a replay will find changed must not be read while the calls are recorded; the native core
   * knows its own buffers. Constants on the host that the function has made itself are no harm.
   */
  #expectReadable(): void {
    const { recording } = this.buffers;
    if (recording === undefined || this.#madeIn === recording || this.#buffer !== undefined) return;
    throw new InputError(
      'compile: expected values that stay on the device, got a read of a tensor that was there before',
    );
  }

  /** Host values in the element type of native buffers: kernels on the host may leave others. */
  #nativeValues(): Float32Array | Int32Array | Uint8Array {
    if (!isNativeDType(this.dtype)) {
      throw new Error(`menet: expected a tensor of float32, int32 or bool, got ${this.dtype}`);
    }
    const values = this.#values as ArrayLike<number> | undefined;
    if (values === undefined) throw new Error('menet: expected tensor data, got none (disposed?)');
    const TypedArray = arrays[this.dtype];
    const typed = values instanceof TypedArray ? values : TypedArray.from(values);
    if (typed.length < this.size) {
      throw new Error(`menet: expected ${this.size} values, got ${typed.length}`);
    }
    return typed;
  }
}
