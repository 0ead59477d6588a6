import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { adamUpdate, compile } from '../../src/index.js';

beforeEach(() => tf.setBackend('menet'));

const x = () => tf.tensor1d([1, -2, 3]);
type OneInput = (x: tf.Tensor1D) => unknown;

const outside = { tensor: undefined as tf.Tensor | undefined };
afterEach(() => outside.tensor?.dispose());

test.each<[string, OneInput, string]>([
  [
    'reads what an op has made',
    (x) => tf.relu(x).mul(tf.relu(x).dataSync()[0]!),
    'compile: expected values that stay on the device, got a read of the output of Relu',
  ],
  [
    'reads an input',
    (x) => x.mul(x.arraySync()[0]!),
    'compile: expected values that stay on the device, got a read of input 0',
  ],
  [
    'reads a tensor that was there before',
    (x) => x.mul((outside.tensor = outside.tensor ?? tf.keep(tf.scalar(2))).dataSync()[0]!),
    'got a read of a tensor that was there before',
  ],
  [
    'uses a kernel that works on the host',
    (x) => tf.cumsum(tf.relu(x)),
    "got a read of the output of Relu, by tfjs-backend-cpu's Cumsum",
  ],
  ['is async', async (x) => x, 'compile: expected a function that is not async, got "a promise"'],
  ['returns nothing', () => undefined, 'compile: expected a function that returns tensors'],
  ['returns no tensors', () => [], 'compile: expected a function that returns tensors, got []'],
  ['returns numbers beside tensors', (x) => ({ x, n: 1 }), 'in lists and objects, got 1'],
  ['returns texts', () => tf.tensor(['a']), 'compile: expected a function that returns numbers'],
])('a function that %s', (what, fn, message) => {
  if (what.includes('before')) outside.tensor = tf.scalar(2);
  const input = x();
  const before = tf.memory().numTensors;
  const plan = compile(fn);
  expect(() => plan.run(input)).toThrow(message);
  expect(tf.memory().numTensors).toBe(before);
  expect(input.relu().dataSync()).toEqual(Float32Array.of(1, 0, 3)); // nothing is recorded any more
  plan.dispose();
});

test('a tensor that the function keeps at every run', () => {
  const kept: tf.Tensor[] = [];
  const plan = compile((x: tf.Tensor1D) => {
    kept.push(tf.keep(tf.relu(x)));
    return tf.exp(x);
  });
  const input = x();
  plan.run(input); // the first time it may be a cache that is made
  expect(() => plan.run(input)).toThrow('nothing behind but its result, got "the output of Relu"');
  tf.dispose(kept);
  plan.dispose();
});

test('a variable that the function gives a new value at every run', () => {
  const v = tf.variable(tf.zeros([3]), false, 'assigned');
  const plan = compile((x: tf.Tensor1D) => {
    v.assign(tf.relu(x));
    return tf.exp(x);
  });
  const input = x();
  plan.run(input);
  expect(() => plan.run(input)).toThrow('got "a new value of variable assigned"');
  v.dispose();
  plan.dispose();
});

test('a cache that the first run makes', () => {
  let cache: tf.Tensor | undefined;
  const plan = compile((x: tf.Tensor1D) => x.add((cache ??= tf.keep(tf.exp(x)))));
  const input = x();
  const runs = [1, 2, 3].map(() => plan.run(input).dataSync());
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
  expect(plan.memory.recordings).toBe(1);
  cache!.dispose(); // the plan keeps what it needs
  expect(plan.run(input).dataSync()).toEqual(runs[0]);
  plan.dispose();
});

test('inputs that are none, and a plan that is disposed', () => {
  const plan = compile((x: tf.Tensor1D) => tf.relu(x));
  const gone = x();
  gone.dispose();
  expect(() => plan.run(gone)).toThrow(
    'plan: inputs[0]: expected a live tensor, got a disposed one',
  );
  expect(() => plan.run(1 as unknown as tf.Tensor1D)).toThrow(
    'plan: inputs[0]: expected a tensor, got 1',
  );
  plan.dispose();
  expect(() => plan.run(x())).toThrow('plan: expected a live plan, got a disposed one');
  expect(() => compile(1 as unknown as () => tf.Tensor)).toThrow(
    'compile: fn: expected a function',
  );
  expect(() => compile(x, { recordings: 0 })).toThrow('compile: recordings: expected a whole');
});

test('a gradient of a replay', () => {
  const plan = compile((x: tf.Tensor1D) => tf.relu(x));
  expect(() => tf.grad((y) => plan.run(y as tf.Tensor1D))(x())).toThrow('no gradient');
  plan.dispose();
});

test('an op that fails in a replay is named, and the next replay works', async () => {
  const plan = compile((table: tf.Tensor2D, rows: tf.Tensor1D) => tf.relu(tf.gather(table, rows)));
  const table = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const good = tf.tensor1d([0, 1], 'int32');
  const bad = tf.tensor1d([0, 2], 'int32');
  if (process.env.MENET_DEVICE === 'cuda') {
    // It looks at the indices on the host, which a graph cannot.
    expect(() => plan.run(table, good)).toThrow(
      'GatherV2: expected no value to be needed on the host in a plan',
    );
    return;
  }
  plan.run(table, good);
  expect(() => plan.run(table, bad)).toThrow(/^GatherV2: /);
  await expect(plan.runAsync(table, bad)).rejects.toThrow(/^GatherV2: /);
  expect(plan.run(table, good).dataSync()).toEqual(Float32Array.of(1, 2, 3, 4));
  plan.dispose();
});

test("a step of Adam, whose number changes, is not a plan's", () => {
  const [weight, mean, square] = [1, 2, 3].map(() => tf.variable(tf.ones([2])));
  const plan = compile((gradient: tf.Tensor1D) => {
    const slots = { averages: [mean!], squareAverages: [square!] };
    const rates = { learningRate: 0.1, weightDecay: 0, betas: [0.9, 0.99] as const };
    adamUpdate([weight!], [gradient], slots, {
      ...rates,
      epsilon: 1e-8,
      decoupled: false,
      step: 1,
    });
    return tf.relu(gradient);
  });
  const gradient = tf.tensor1d([1, 2]);
  expect(() => plan.run(gradient)).toThrow('adamUpdate: expected an eager run, got one in a plan');
  plan.dispose();
});

test('on other backends the function simply runs', async () => {
  await tf.setBackend('cpu');
  const plan = compile((x: tf.Tensor1D) => tf.relu(x));
  const input = x();
  expect(plan.run(input).dataSync()).toEqual(Float32Array.of(1, 0, 3));
  expect((await plan.runAsync(input)).dataSync()).toEqual(Float32Array.of(1, 0, 3));
  expect(plan.memory.recordings).toBe(0);
  plan.dispose();
});
