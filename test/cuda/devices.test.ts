import { spawnSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import '../../src/backend/register.js';
import { currentMenetBackend } from '../../src/backend/menet_backend.js';
import { chooseDevice, currentDevice, devices } from '../../src/devices.js';
import { InputError } from '../../src/errors.js';
import { native } from '../../src/native.js';
import { testBinary } from '../native/float64.js';

const door = native();

afterEach(() => {
  vi.unstubAllEnvs();
});

const values = Float32Array.from({ length: 5000 }, (_, i) => i - 2500);

function upload(device: string): number {
  const id = door.allocate(values.byteLength, device);
  door.write(id, values);
  return id;
}

describe('devices()', () => {
  test('lists the CPU and every GPU', () => {
    const gpu = {
      description: 'CPU shim',
      memory: 2 ** 30,
      computeCapability: '9.0',
      driver: '13.0',
    };
    expect(devices()).toEqual({
      devices: [{ name: 'cpu' }, { name: 'cuda:0', ...gpu }, { name: 'cuda:1', ...gpu }],
    });
  });

  test.each([
    ['0', '2', 'no NVIDIA driver; this build needs CUDA 13.0, driver 580 or newer'],
    [
      '12040',
      '2',
      'an NVIDIA driver for CUDA 12.4; this build needs CUDA 13.0, driver 580 or newer',
    ],
    ['13020', '0', 'an NVIDIA driver that sees no GPU'],
  ])('says why there is none: driver %s, %s GPUs', (driver, count, reason) => {
    vi.stubEnv('MENET_SHIM_DRIVER', driver);
    vi.stubEnv('MENET_SHIM_DEVICES', count);
    expect(devices()).toEqual({ devices: [{ name: 'cpu' }], whyNoCuda: reason });
    expect(() => chooseDevice('--device', 'cuda')).toThrow(
      new InputError(`--device: expected a CUDA device for cuda, found ${reason}`),
    );
  });
});

describe('choosing a device', () => {
  test('MENET_DEVICE counts until another is chosen', async () => {
    expect(currentDevice()).toBe('cuda:0');
    await tf.setBackend('menet');
    expect(currentMenetBackend()!.device).toBe('cuda:0');
  });

  test.each([
    ['gpu', '--device: expected cpu, cuda or cuda:N, got "gpu"'],
    ['cuda:', '--device: expected cpu, cuda or cuda:N, got "cuda:"'],
    ['cuda:2', '--device: expected cpu or cuda:0 or cuda:1, got "cuda:2"'],
  ])('%s is refused', (name, message) => {
    expect(() => chooseDevice('--device', name)).toThrow(new InputError(message));
  });

  test('the door refuses what is no device', () => {
    expect(() => door.allocate(4, 'cuda:x')).toThrow('expected cpu, cuda or cuda:N, got cuda:x');
    expect(() => door.allocate(4, 'cuda:7')).toThrow('expected cuda:0 to cuda:1, got cuda:7');
  });
});

describe('memory', () => {
  test('each device has its own', () => {
    const before = ['cpu', 'cuda:0', 'cuda:1'].map((name) => door.memory(name).bytesInUse);
    const id = upload('cuda:1');
    const after = ['cpu', 'cuda:0', 'cuda:1'].map((name) => door.memory(name).bytesInUse);
    expect(after.map((bytes, i) => bytes - before[i]!)).toEqual([0, 0, 20_032]);
    door.free(id);
  });

  test('an op whose inputs are on two devices is refused', () => {
    const ids = [upload('cuda:0'), upload('cuda:1')];
    const inputs = ids.map((id) => ({ id, shape: [5000], dtype: 'float32' as const }));
    expect(() => door.run('Add', inputs)).toThrow(
      'Add: input 1: expected all inputs on cuda:0, got one on cuda:1',
    );
    ids.forEach((id) => door.free(id));
  });

  test('MENET_MEMORY_LIMIT bounds what is reserved', () => {
    const run = (limit: string) =>
      spawnSync(
        process.execPath,
        [
          '-e',
          `const door = require(${JSON.stringify(testBinary)});
           try {
             const id = door.allocate(30e6, 'cuda:0');
             console.log(door.memory('cuda:0').bytesLimit);
             door.allocate(30e6, 'cuda:0');
           } catch (error) { console.log(error.message); }`,
        ],
        { env: { ...process.env, MENET_MEMORY_LIMIT: limit } },
      )
        .stdout.toString()
        .split('\n')
        .slice(0, -1);
    expect(run('40000000')).toEqual([
      '40000000',
      expect.stringMatching(
        /^allocate: expected 3\d+ bytes of free memory, got none; 3\d+ bytes of at most 40000000 are in use/,
      ),
    ]);
    expect(run('-5')).toEqual(['MENET_MEMORY_LIMIT: expected a number of bytes above 0, got -5']);
  });
});

test('an op without a kernel for the device says so', () => {
  const id = upload('cuda:0');
  expect(() => door.run('ShimNoKernel', [{ id, shape: [5000], dtype: 'float32' }])).toThrow(
    'ShimNoKernel: expected a kernel for cuda:0, found none',
  );
  door.free(id);
});
