import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FakeBackend, fakeLibrary, loadFake, useAsTensorflow } from './fake_tensorflow.js';
import { stem, stemReference } from '../../src/ops/stem.js';

// Libraries stay in a process, so that these cases have one of their own, and this order.

const x = () => tf.randomUniform<tf.Rank.R4>([2, 9, 11, 3], -1, 1, 'float32', 1);
const params = () => ({
  conv: tf.randomNormal<tf.Rank.R4>([3, 3, 3, 5], 0, 1, 'float32', 2),
  bn: {
    scale: tf.ones<tf.Rank.R1>([5]),
    offset: tf.zeros<tf.Rank.R1>([5]),
    mean: tf.variable(tf.zeros<tf.Rank.R1>([5]), false),
    variance: tf.variable(tf.ones<tf.Rank.R1>([5]), false),
  },
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Calls the stem twice as on a backend that was just made: its values, and the one warning. */
async function warningOf(): Promise<string> {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await useAsTensorflow(new FakeBackend());
  const found = [stem(x(), params()), stem(x(), params())];
  const expected = stemReference(x(), params());
  for (const y of found) expect([...y.dataSync()]).toEqual([...expected.dataSync()]);
  const warnings = warn.mock.calls.map(([text]) => String(text));
  const [warning, ...more] = warnings.filter((text) => text.startsWith('menet: ')); // not tfjs's
  expect(more).toEqual([]);
  return warning!;
}

describe.skipIf(!existsSync(fakeLibrary('old')))('stock operations run, with one warning', () => {
  const prefix = "menet: fused operations run as stock ones on backend 'tensorflow', more slowly: ";

  test('where there is no libtensorflow', async () => {
    expect(await warningOf()).toBe(`${prefix}no libtensorflow is loaded in this process`);
  });

  test('where it lacks a function', async () => {
    loadFake('old');
    expect(await warningOf()).toBe(
      `${prefix}the libtensorflow in this process has no TF_GetRegisteredKernelsForOp: ` +
        'it is too old',
    );
  });

  test('until one that has it is there too', async () => {
    loadFake('fake');
    await useAsTensorflow(new FakeBackend());
    const { currentTensorflowOps } = await import('../../src/tensorflow/tensorflow_ops.js');
    expect(currentTensorflowOps()).toBeDefined();
  });
});
