import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import type { BenchCase, Mode, UnitCase } from '../../src/bench/cases.js';
import { prepare } from '../../src/bench/subject.js';
import { createModel } from '../../src/models/model.js';
import { native } from '../../src/native.js';
import { abandonTape } from '../../src/train/abandon_tape.js';
import { createOptimizer } from '../../src/train/optimizer.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { trainingStep } from '../../src/train/step.js';
import { tinyConfigurations } from '../train/tiny_run.js';

// What fails on the device becomes an exception, leaves nothing behind, and where CUDA allows it
// the same call works afterwards. The shim fails on demand (native/cuda/shim/faults.h).

const door = native();
const outOfMemory = 2;
const illegalAddress = 700;
const outOfResources = 701;

type Site = 'allocation' | 'launch' | 'kernel' | 'copy' | 'pinned';
const inject = (site: Site | 'none', nth = 1, error = 0) =>
  door.run('ShimFault', [], { site, nth, error }, 'cuda:0');

beforeAll(async () => {
  await tf.setBackend('menet');
});
afterEach(() => {
  inject('none');
});

/** Bytes and tensors that live; the first launch of an op may keep some for later. */
const held = () => ({ bytes: door.memory('cuda:0').bytesInUse, tensors: tf.memory().numTensors });

/** Runs the subject to its end, which is a value on the host: kernels fail in the background. */
function complete(subject: () => tf.Tensor[]): void {
  const outputs = subject();
  try {
    for (const output of outputs) output.dataSync();
  } finally {
    tf.dispose(outputs);
  }
}

/** Fails every `step`-th call of a kind, one in each run, until the subject has no more of them. */
function failEach(subject: () => tf.Tensor[], site: Site, error: number, step = 1): string[] {
  complete(subject);
  const before = held();
  const messages: string[] = [];
  for (let nth = 1; ; nth += step) {
    inject(site, nth, error);
    try {
      complete(subject);
      return messages;
    } catch (failure) {
      abandonTape();
      messages.push((failure as Error).message);
    } finally {
      inject('none');
    }
    expect(held(), `held after failure ${nth}: ${messages.at(-1)}`).toEqual(before);
  }
}

const unit: Omit<UnitCase, 'op'> = {
  ...({ kind: 'unit', id: 'small', batch: 1, size: 4, inputChannels: 24, channels: 24 } as const),
  ...({ side: 2, groups: 3, compressGroups: 3, strides: 1 } as const),
};
const separable = { inChannels: 4, outChannels: 8, strides: 2 } as const;
const cases: [BenchCase, Mode][] = [
  [{ ...unit, op: 'meUnit' }, 'gradient'],
  [{ ...unit, op: 'meUnit', inputChannels: 12, strides: 2 }, 'gradient'],
  [{ ...unit, op: 'meUnit' }, 'forward'],
  [{ ...unit, op: 'shuffleUnit' }, 'gradient'],
  [{ ...unit, op: 'groupConvShuffleDepthwise' }, 'gradient'],
  [{ ...unit, op: 'mergeEvolve' }, 'gradient'],
  [
    { kind: 'separable', op: 'depthwiseSeparable', id: '', batch: 1, size: 4, ...separable },
    'gradient',
  ],
  [{ kind: 'stem', op: 'stem', id: '', batch: 1, size: 8, channels: 3 }, 'gradient'],
  [{ kind: 'loss', op: 'softmaxCrossEntropy', id: '', batch: 3, classes: 5 }, 'gradient'],
];

const stock: [string, () => tf.Tensor][] = [
  ['conv2d', () => tf.conv2d(tf.ones<tf.Rank.R4>([1, 4, 4, 2]), tf.ones([3, 3, 2, 2]), 1, 'same')],
  ['matMul', () => tf.matMul(tf.ones([3, 4]), tf.ones([4, 5]))],
  ['concat', () => tf.concat([tf.ones([2, 2]), tf.zeros([2, 2])])],
  ['mean', () => tf.mean(tf.ones([4, 4]), 0)],
  ['softmax', () => tf.softmax(tf.ones([2, 3]))],
  ['transpose', () => tf.transpose(tf.ones([2, 3]))],
  ['cast', () => tf.cast(tf.ones([3]), 'int32')],
  ['topk, of the fallback', () => tf.relu(tf.topk(tf.relu(tf.tensor1d([1, 3, 2])), 2).values)],
];

const bytes = String.raw`\d+ bytes asked for, \d+ held on cuda:0`;

describe.each([
  ...cases.map(([benchCase, mode]) => {
    const { op, kind } = benchCase;
    const opening = kind === 'unit' && benchCase.strides === 2 ? ' that downsamples' : '';
    return [`${op}${opening}, ${mode}`, () => prepare(benchCase, mode, true)] as const;
  }),
  ...stock.map(([name, run]) => [name, () => () => [tf.tidy(run)]] as const),
])('%s', (_, make) => {
  test.each([
    ['launch', outOfResources, RegExp(`CUDA says cudaErrorLaunchOutOfResources .*; ${bytes}$`)],
    ['allocation', outOfMemory, /allocate: expected \d+ bytes of free memory, got none; \d+ bytes/],
    ['kernel', illegalAddress, /CUDA says cudaErrorIllegalAddress .*cannot use the GPU any more/],
  ] as const)('each %s that fails is an exception with the op, and nothing stays', (...at) => {
    const [site, error, message] = at;
    tf.engine().startScope();
    const messages = failEach(make(), site, error);
    tf.engine().endScope();
    expect(messages.length).toBeGreaterThan(0);
    for (const text of messages) expect(text).toMatch(message);
    if (site === 'launch') for (const text of messages) expect(text).toMatch(/^\w+: CUDA says/);
  });
});

function tinyTraining() {
  const model = createModel(tinyConfigurations.model, { seed: 1 });
  const { optim } = tinyConfigurations;
  const optimizer = createOptimizer({ ...optim, name: 'SGD' }, parameterGroups(model, optim));
  const images = tf.randomUniform<tf.Rank.R4>([2, 32, 32, 3], -1, 1, 'float32', 7);
  const labels = tf.tensor1d([0, 1], 'int32');
  return () => {
    const { loss, logits } = trainingStep(model, optimizer, images, labels, 0.01);
    return [loss, logits];
  };
}

describe('a training step', () => {
  test.each([
    ['launch', outOfResources],
    ['allocation', outOfMemory],
    ['kernel', illegalAddress],
  ] as const)('leaves nothing behind when a %s fails, and works again', (site, error) => {
    const messages = failEach(tinyTraining(), site, error, 23);
    expect(messages.length).toBeGreaterThan(3);
    expect(new Set(messages.map((message) => message.split(':')[0])).size).toBeGreaterThan(2);
  });
});

describe('transfers', () => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => i);
  const copying = /^(read|writ)ing 4000 bytes on cuda:0 \(\d+ held\), after \w+: CUDA says/;

  test('a copy to the device and back that fails leaves the buffer as it is', () => {
    const id = door.allocate(4000, 'cuda:0');
    inject('copy', 1, outOfResources);
    expect(() => door.write(id, values)).toThrow(copying);
    door.write(id, values);
    inject('copy', 1, outOfResources);
    const found = new Float32Array(1000);
    expect(() => door.read(id, found)).toThrow(copying);
    door.read(id, found);
    expect(found).toEqual(values);
    door.free(id);
  });

  test('without page-locked memory for a staging block, what is cached is freed first', () => {
    const bytes = 3 << 20; // a size that nothing else here uses
    const id = door.allocate(bytes, 'cuda:0');
    inject('pinned', 1, outOfMemory);
    door.write(id, new Uint8Array(bytes).fill(7));
    const found = new Uint8Array(bytes);
    door.read(id, found);
    expect(found.every((value) => value === 7)).toBe(true);
    door.free(id);
  });

  test('data() rejects when a kernel before it failed', async () => {
    const x = tf.relu(tf.tensor1d([1, 2, 3]));
    inject('kernel', 1, illegalAddress);
    const y = tf.relu(x);
    const read = y.data();
    await expect(read).rejects.toThrow(/^reading 12 bytes on cuda:0 .*, after Relu: CUDA says/);
    inject('none');
    tf.dispose([x, y]);
  });
});

describe('a lost device', () => {
  test('fails at everything but freeing, and the CPU goes on', () => {
    const x = tf.relu(tf.tensor1d([1, 2, 3]));
    inject('launch', 1, illegalAddress);
    expect(() => tf.relu(x)).toThrow('Relu: CUDA says cudaErrorIllegalAddress');
    expect(() => tf.relu(x)).toThrow('this process cannot use the GPU any more');
    expect(() => x.dataSync()).toThrow('cudaErrorIllegalAddress');
    expect(() => door.allocate(4, 'cuda:0')).toThrow('allocate: CUDA says cudaErrorIllegalAddress');
    const before = held();
    x.dispose();
    expect(held().bytes).toBeLessThan(before.bytes);
    const id = door.allocate(8, 'cpu');
    const input = { id, shape: [2], dtype: 'float32' as const };
    door.write(id, Float32Array.of(-1, 2));
    const [sum] = door.run('Add', [input, input]);
    const found = new Float32Array(2);
    door.read(sum!.id, found);
    expect([...found]).toEqual([-2, 4]);
    for (const buffer of [id, sum!.id]) door.free(buffer);
  });
});
