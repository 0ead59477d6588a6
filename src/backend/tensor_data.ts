import type * as tf from '@tensorflow/tfjs';
import { type Native } from '../native.js';

/** The native buffers that a backend holds, so that they can all be given back at once. */
export class NativeBuffers {
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
 * neither can be stale. Each side is made from the other when it is asked for.
 */
export class TensorData {
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
  #values: tf.BackendValues | undefined;
  #buffer: number | undefined;

  constructor(
    readonly buffers: NativeBuffers,
    readonly dtype: tf.DataType,
    readonly size: number,
    public refCount: number,
    source: { values: tf.BackendValues } | { buffer: number },
  ) {
    if ('buffer' in source) {
      this.#buffer = source.buffer;
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
    }
    return this.#values as tf.BackendValues;
  }

  /** The values for reading; native data stay where they are. */
  read(): tf.BackendValues {
    if (this.#buffer === undefined) return this.#values as tf.BackendValues;
    const array = new arrays[this.dtype as NativeTensorDType](this.size);
    this.buffers.native.read(this.#buffer, array);
    return array;
  }

  /** The same as {@link read}, as they are now, without blocking the event loop. */
  async readAsync(): Promise<tf.BackendValues> {
    if (this.#buffer === undefined) return this.#values as tf.BackendValues;
    const TypedArray = arrays[this.dtype as NativeTensorDType];
    const bytes = this.size * TypedArray.BYTES_PER_ELEMENT;
    return new TypedArray(await this.buffers.native.readAsync(this.#buffer, bytes));
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

  /** Frees native memory. The data must not be used any more. */
  release(): void {
    if (this.#buffer !== undefined) this.buffers.free(this.#buffer);
    this.#buffer = undefined;
    this.#values = undefined;
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
