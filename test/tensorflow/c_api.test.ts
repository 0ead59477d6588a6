import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FakeBackend,
  fakeLibrary,
  type FakeTensorflow,
  loadFake,
  type Place,
  useAsTensorflow,
} from './fake_tensorflow.js';
import type { Native } from '../../src/native.js';
import { gradientNorm } from '../../src/ops/gradient_norm.js';
import { normalizeImages, normalizeImagesReference } from '../../src/ops/normalize_images.js';
import { sgdUpdate } from '../../src/ops/sgd_update.js';
import {
  softmaxCrossEntropy,
  softmaxCrossEntropyReference,
} from '../../src/ops/softmax_cross_entropy.js';
import { packageVersion } from '../../src/package_version.js';
import { testBinary, testNative } from '../native/float64.js';
import { testExpectedUnits } from '../ops/expected_units.js';

// Native operations inside a stand-in for libtensorflow (test/native/fake_tensorflow.cc), which
// checks what TensorFlow would: inputs against the definition, that they are not written, that all
// outputs are there and in the memory of the place.

const require = createRequire(import.meta.url);
const suffix = `_${packageVersion().replace(/\W/g, '_')}`;

type Prepare = Native['tensorflow']['prepare'];
const normOfTwo: Parameters<Prepare> extends [...infer Call, string] ? Call : never = [
  'GradientNorm',
  [{ shape: [2], dtype: 'float32' }],
  {},
  [],
];

/** What the shim is asked for: numbers of shim::Event. */
const [launch, deviceWait, streamWait] = [1, 2, 3] as const;

function recorded<T>(work: () => T): { result: T; events: number[] } {
  testNative.run('ShimRecord', []);
  const result = work();
  const [events] = testNative.run('ShimRecorded', []);
  const values = new Float32Array(events!.shape[0]!);
  testNative.read(events!.id, values);
  testNative.free(events!.id);
  return { result, events: [...values].filter((event) => event !== 0) };
}

describe.skipIf(!existsSync(fakeLibrary('fake')))('inside a stand-in for TensorFlow', () => {
  let fake: FakeTensorflow;
  let backend: FakeBackend;
  beforeAll(async () => {
    fake = loadFake('fake');
    backend = new FakeBackend(fake);
    await useAsTensorflow(backend);
  });

  const vectors = () => [tf.tensor1d([1, -2, 3]), tf.tensor2d([[4, 5]])];

  describe.each<Place>(['CPU', 'GPU'])('on tensors of the %s', (place) => {
    beforeEach(() => {
      backend.place = place;
    });

    testExpectedUnits('tensorflow');

    test('inputs arrive in their order, shapes and types', () => {
      const pixels = Uint8Array.from({ length: 2 * 3 * 5 * 3 }, (_, i) => (i * 37) % 256);
      const found = normalizeImages(pixels, [2, 3, 5, 3]);
      const expected = normalizeImagesReference(pixels, [2, 3, 5, 3]);
      expect(found.shape).toEqual([2, 3, 5, 3]);
      expect(tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]).toBeLessThan(1e-6);
      const logits = tf.randomNormal<tf.Rank.R2>([4, 7], 0, 1, 'float32', 5);
      const labels = tf.tensor1d([0, 6, 3, 3], 'int32');
      const loss = softmaxCrossEntropy(logits, labels).dataSync()[0];
      expect(loss).toBeCloseTo(softmaxCrossEntropyReference(logits, labels).dataSync()[0]!, 5);
      const norm = gradientNorm([...vectors(), tf.zeros([0, 3])]);
      expect(norm.shape).toEqual([]);
      expect(norm.dataSync()[0]).toBeCloseTo(Math.sqrt(55), 6);
    });

    test('an input without elements, whose pointer is null there, is given', () => {
      const x = { shape: [0, 3], dtype: 'float32' as const };
      const { name, message } = testNative.tensorflow.prepare(
        'Identity',
        [x],
        {},
        [],
        packageVersion(),
      );
      const call = { shape: [message.length], dtype: 'int32', values: message };
      const counts = { floats: 1, ints: 0, bytes: 0, outputs: 1 };
      const inputs = [call, { ...x, values: new Float32Array() }];
      expect(fake.run(name, place, counts, inputs)).toEqual([
        { shape: [0, 3], values: new Float32Array() },
      ]);
    });

    test('what is updated in place is one more output, by attributes of each call', () => {
      const p = tf.variable(tf.tensor1d([1, 2, 3]));
      const before = p.clone();
      const g = tf.tensor1d([1, -1, 0.5]);
      const options = { momentum: 0, nesterov: false, weightDecay: 0 };
      for (const learningRate of [0.1, 0.05]) sgdUpdate([p], [g], [], { learningRate, ...options });
      [0.85, 2.15, 2.925].forEach((value, i) => expect(p.dataSync()[i]).toBeCloseTo(value, 6));
      expect([...before.dataSync()]).toEqual([1, 2, 3]);
    });

    test('the memory of a call is given back', () => {
      gradientNorm(vectors());
      const held = () => ({ live: fake.state().live, native: testNative.memory('cpu').bytesInUse });
      const before = held();
      gradientNorm(vectors());
      expect(held()).toEqual(before);
    });

    const refused =
      place === 'CPU'
        ? { TF_GetInput: 'reading an input', TF_SetOutput: 'setting an output' }
        : {
            TF_GetInput: 'reading an input',
            TF_AllocateOutput: 'allocating an output',
            TF_AllocateTemp: 'allocating scratch memory',
          };
    test.each(Object.entries(refused))('a failure of %s is an exception', (name, doing) => {
      gradientNorm(vectors());
      const { live } = fake.state();
      fake.refuse(name);
      expect(() => gradientNorm(vectors())).toThrow(`${doing}: the stand-in refuses`);
      expect(fake.state().live).toBe(live);
      expect(gradientNorm(vectors()).dataSync()[0]).toBeCloseTo(Math.sqrt(55), 6);
    });

    test('a message that is cut off is an exception', () => {
      const { name, message } = testNative.tensorflow.prepare(...normOfTwo, packageVersion());
      const values = message.slice(0, 2);
      const call = { shape: [2], dtype: 'int32', values };
      const x = { shape: [2], dtype: 'float32', values: new Float32Array(2) };
      const counts = { floats: 1, ints: 0, bytes: 0, outputs: 1 };
      expect(() => fake.run(name, place, counts, [call, x])).toThrow(
        "expected a call's message, got a part of one",
      );
    });
  });

  test('on a GPU, TensorFlow is waited for before the call, and the call after it', () => {
    backend.place = 'GPU';
    const calls = () => fake.state().calls.TF_AllocateTemp!;
    const before = calls();
    const { events } = recorded(() => gradientNorm(vectors()));
    const firstLaunch = events.indexOf(launch);
    expect(events[0]).toBe(deviceWait);
    expect(firstLaunch).toBeGreaterThan(0);
    expect(events.lastIndexOf(streamWait)).toBeGreaterThan(events.lastIndexOf(launch));
    expect(events.filter((event) => event === deviceWait)).toHaveLength(1);
    expect(calls()).toBeGreaterThan(before);
  });

  test.each([
    ['kernel', 700, 'cudaErrorIllegalAddress'],
    ['launch', 701, 'cudaErrorLaunchOutOfResources'],
  ] as const)('the last %s of a call fails: an exception, and no memory is kept', (...fault) => {
    const [site, error, message] = fault;
    backend.place = 'GPU';
    const { events } = recorded(() => gradientNorm(vectors()));
    const { live } = fake.state();
    const inject = (nth: number) =>
      testNative.run('ShimFault', [], { site: nth > 0 ? site : 'none', nth, error }, 'cuda:0');
    const launches = events.filter((event) => event === launch).length;
    expect(launches).toBeGreaterThan(1);
    inject(launches);
    try {
      const failing = recorded(() => {
        expect(() => gradientNorm(vectors())).toThrow(message);
      });
      // Scratch memory goes back when what was started is done; a lost device runs nothing.
      if (site === 'launch') expect(failing.events.at(-1)).toBe(streamWait);
    } finally {
      inject(0);
    }
    expect(fake.state().live).toBe(live);
  });

  test('on the CPU nothing of a GPU is called', () => {
    backend.place = 'CPU';
    expect(recorded(() => gradientNorm(vectors())).events).toEqual([]);
  });

  test('an operation is defined once, with the call in host memory on every device', () => {
    const name = `MenetGradientNorm${suffix}`;
    const { definitions, kernels } = fake.state();
    expect(definitions[name]).toBe(1);
    expect(kernels.filter((kernel) => kernel.startsWith(`${name} `))).toEqual([
      `${name} CPU call`,
      `${name} GPU call`,
    ]);
  });

  describe('several copies of the addon', () => {
    const folder = mkdtempSync(join(tmpdir(), 'menet-copies-'));
    afterAll(() => rmSync(folder, { recursive: true }));
    const copies = [testBinary, ...[1, 2].map((i) => join(folder, `menet_${i}.node`))];
    beforeAll(() => {
      for (const copy of copies.slice(1)) copyFileSync(testBinary, copy);
    });

    test('share the operations of their version, and have their own of others', () => {
      const door = require(copies[1]!) as Native;
      const before = fake.state().definitions;
      expect(door.tensorflow.prepare(...normOfTwo, packageVersion()).name).toBe(
        `MenetGradientNorm${suffix}`,
      );
      expect(fake.state().definitions).toEqual(before);
      expect(door.tensorflow.prepare(...normOfTwo, '9.8.7').name).toBe('MenetGradientNorm_9_8_7');
      expect(fake.state().definitions).toEqual({ ...before, MenetGradientNorm_9_8_7: 1 });
    });

    test('take turns, in worker threads too', async () => {
      const code = `
        const { parentPort, workerData } = require('node:worker_threads');
        const door = require(workerData.copy).tensorflow;
        parentPort.once('message', () =>
          parentPort.postMessage(door.prepare(...workerData.call, '5.5.5').name));
        parentPort.postMessage('ready');`;
      const workers = [...copies, ...copies].map(
        (copy) => new Worker(code, { eval: true, workerData: { copy, call: normOfTwo } }),
      );
      const next = (worker: Worker) =>
        new Promise((resolve, reject) => {
          worker.once('message', resolve).once('error', reject);
        });
      try {
        await Promise.all(workers.map(next)); // all are ready before one begins
        const names = workers.map(next);
        for (const worker of workers) worker.postMessage('begin');
        expect(new Set(await Promise.all(names))).toEqual(new Set(['MenetGradientNorm_5_5_5']));
      } finally {
        await Promise.all(workers.map((worker) => worker.terminate()));
      }
      expect(fake.state().definitions.MenetGradientNorm_5_5_5).toBe(1);
    });
  });
});
