import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'menet-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Configures the folder, and gives what it says and the options it has then. */
function configure(environment: NodeJS.ProcessEnv, ...flags: string[]) {
  const script = path.join(root, 'scripts/build_native.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [script, '--configure-only', '--out', folder, ...flags],
    { env: { ...process.env, ...environment }, encoding: 'utf8' },
  );
  expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: '' });
  const cache = readFileSync(path.join(folder, 'CMakeCache.txt'), 'utf8');
  const option = (name: string) => new RegExp(`^MENET_${name}:\\w+=(.*)$`, 'm').exec(cache)?.[1];
  return { said: stderr.trim().split('\n').at(-1), option };
}

test('a folder that is configured already takes the options of this build', () => {
  const first = configure({ MENET_CUDA: 'off', MENET_CUDA_ARCHITECTURES: '90' }, '--float64');
  expect(first.said).toBe('configured without CUDA: MENET_CUDA=off');
  expect(['CUDA', 'CUDA_ARCHITECTURES', 'FLOAT64'].map(first.option)).toEqual(['OFF', '90', 'ON']);

  const second = configure({ MENET_CUDA: 'auto', MENET_CUDA_ARCHITECTURES: '' });
  const hasCuda = second.said!.startsWith('configured with CUDA ');
  expect(['CUDA', 'CUDA_ARCHITECTURES', 'FLOAT64'].map(second.option)).toEqual([
    hasCuda ? 'ON' : 'OFF',
    'default',
    'OFF',
  ]);
});
