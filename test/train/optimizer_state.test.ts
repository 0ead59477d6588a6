import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint, writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { createModel, type Model, type ModelConfig } from '../../src/models/model.js';
import { getState } from '../../src/models/state.js';
import { convertCheckpoint } from '../../src/train/convert.js';
import { createOptimizer, type Optimizer } from '../../src/train/optimizer.js';
import type { UpdateRuleConfig } from '../../src/train/optimizer_config.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { readTrainingState } from '../../src/train/training_state.js';
import { captureTensors, restoreTensors } from '../../src/train/training_tensors.js';
import { tinyConfigurations } from './tiny_run.js';
import { pythonWith } from '../python.js';

const { python, skipped } = pythonWith('torch', 'safetensors');
const weightDecay = 0.001;
const betas: [number, number] = [0.9, 0.99];
const configs: UpdateRuleConfig[] = [
  { name: 'SGD', momentum: 0.9, nesterov: true },
  { name: 'RMSprop', alpha: 0.9, epsilon: 0.01, momentum: 0.5, centered: true },
  { name: 'Adam', betas, epsilon: 0.001 },
  { name: 'AdamW', betas, epsilon: 0.001 },
  { name: 'Adadelta', rho: 0.9, epsilon: 0.001 },
];

const folder = mkdtempSync(path.join(tmpdir(), 'menet-optimizer-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => tf.setBackend('menet'));

interface Run {
  model: Model;
  optimizer: Optimizer;
}

function makeRun(config: UpdateRuleConfig, seed: number): Run {
  const model = createModel(tinyConfigurations.model, { seed });
  const groups = parameterGroups(model, { weight_decay: weightDecay });
  return { model, optimizer: createOptimizer(config, groups) };
}

/** The step `t`, from 0, by gradients of 0.3 w + 0.01 (t + 1), as in train_with_torch.py. */
function step({ optimizer }: Run, t: number): void {
  tf.tidy(() => {
    const variables = [...optimizer.parameters.values()];
    const gradients = variables.map((w) => [w.name, w.mul(0.3).add(0.01 * (t + 1))] as const);
    optimizer.step(Object.fromEntries(gradients), 0.01);
  });
}

async function resume(run: Run, file: string): Promise<void> {
  const { tensors, metadata } = await readCheckpoint(file);
  restoreTensors(file, tensors, run, readTrainingState(file, metadata).optimizer_steps);
}

/** Weights and slots, in the layout of checkpoints. */
async function valuesOf(run: Run): Promise<[string, number[]][]> {
  return [...(await captureTensors(run))].map(([name, { data }]) => [name, [...data] as number[]]);
}

function dispose(...runs: Run[]): void {
  for (const { model, optimizer } of runs) {
    model.dispose();
    optimizer.dispose();
  }
}

describe.each(configs)('the state of $name', (config) => {
  const file = (extension: string) => path.join(folder, `${config.name}-own${extension}`);

  it('goes through checkpoints of both formats to the same bits', async () => {
    const whole = makeRun(config, 1);
    for (let t = 0; t < 3; t++) step(whole, t);
    const recipe = { learning_rate: 0.01, weight_decay: weightDecay, epochs: 2 };
    await writeSafetensors(file('.safetensors'), {
      tensors: await captureTensors(whole),
      metadata: {
        model_name: 'menet',
        last_epoch: 0,
        best_prec1: 0,
        optimizer_steps: whole.optimizer.stepCount,
        configuration: { optimizer: { ...config, ...recipe } },
      },
    });
    const model = { ...tinyConfigurations.model, init_mode: 'fan_out' } as ModelConfig;
    await convertCheckpoint({ model, input: file('.safetensors'), output: file('.pth.tar') });
    step(whole, 3);
    for (const extension of ['.safetensors', '.pth.tar']) {
      const resumed = makeRun(config, 2);
      await resume(resumed, file(extension));
      expect(resumed.optimizer.stepCount).toBe(3);
      step(resumed, 3);
      expect(await valuesOf(resumed)).toEqual(await valuesOf(whole));
      dispose(resumed);
    }
    dispose(whole);
  });
});

describe.skipIf(!python)(`PyTorch’s own state${skipped}`, () => {
  const inside = (name: string) => path.join(folder, name);

  beforeAll(async () => {
    const model = createModel(tinyConfigurations.model, { seed: 3 });
    await writeSafetensors(inside('initial.safetensors'), {
      tensors: await getState(model),
      metadata: {},
    });
    model.dispose();
    const script = path.join(import.meta.dirname, 'train_with_torch.py');
    const all = configs.map((config) => ({ ...config, weight_decay: weightDecay }));
    execFileSync(python!, [script, inside('initial.safetensors'), folder, JSON.stringify(all)]);
  }, 120_000);

  it.each(configs)('of $name is continued', async (config) => {
    const run = makeRun(config, 4);
    await resume(run, inside(`${config.name}.pth.tar`));
    // torch.optim.SGD counts no steps, and needs none.
    expect(run.optimizer.stepCount).toBe(config.name === 'SGD' ? 0 : 3);
    step(run, 3);
    const { tensors } = await readCheckpoint(inside(`${config.name}.safetensors`));
    const found = await captureTensors(run);
    for (const [name, { data }] of tensors) {
      const errors = [...data].map((value, i) =>
        Math.abs(Number(value) - Number(found.get(name)!.data[i])),
      );
      expect(Math.max(...errors), name).toBeLessThan(1e-6);
    }
    dispose(run);
  });
});
