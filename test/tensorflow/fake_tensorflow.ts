import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { testBinary } from '../native/float64.js';

// The stand-in's GPU is the shim's, which the test build alone has.
process.env.MENET_BINARY = testBinary;

export type Place = 'CPU' | 'GPU';

interface FakeTensor {
  shape: number[];
  dtype: string;
  values: tf.TypedArray;
}

/** The stand-in for libtensorflow (test/native/fake_tensorflow_door.cc). */
export interface FakeTensorflow {
  run(
    name: string,
    place: Place,
    attributes: Record<string, number>,
    inputs: FakeTensor[],
  ): { shape: number[]; values: Float32Array }[];
  /** How often each op was defined, the kernels, calls of each function, and objects that live. */
  state(): {
    definitions: Record<string, number>;
    kernels: string[];
    calls: Record<string, number>;
    live: number;
  };
  /** The next call of the function fails. */
  refuse(name: string): void;
}

/** Path of a stand-in; a build for a GPU has none. */
export const fakeLibrary = (version: 'fake' | 'old') =>
  join(dirname(testBinary), 'fake_libraries', `libtensorflow_${version}.node`);

/** Loads a stand-in into the process, which keeps it. */
export const loadFake = (version: 'fake' | 'old') =>
  createRequire(import.meta.url)(fakeLibrary(version)) as FakeTensorflow;

/** tfjs-node's backend as far as fused operations know it; stock operations are tfjs's own. */
export class FakeBackend extends MathBackendCPU {
  readonly binding = { TF_ATTR_INT: 1 };
  place: Place = 'CPU';

  constructor(readonly tensorflow?: FakeTensorflow) {
    super();
  }

  executeMultipleOutputs(
    name: string,
    attributes: { name: string; value: number }[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[] {
    const made = this.tensorflow!.run(
      name,
      this.place,
      Object.fromEntries(attributes.map((each) => [each.name, each.value])),
      inputs.map(({ dataId, shape, dtype }) => {
        const values = this.readSync(dataId) as tf.TypedArray;
        return { shape, dtype, values };
      }),
    );
    if (made.length !== outputs) throw new Error(`expected ${outputs} outputs`);
    return made.map(({ shape, values }) => tf.tensor(values, shape, 'float32'));
  }
}

/** Makes the backend tfjs's `tensorflow`, in the place of one that was there. */
export async function useAsTensorflow(backend: FakeBackend): Promise<void> {
  if (tf.findBackend('tensorflow') !== null) tf.removeBackend('tensorflow');
  else tf.copyRegisteredKernels('cpu', 'tensorflow');
  tf.registerBackend('tensorflow', () => backend);
  await tf.setBackend('tensorflow');
}
