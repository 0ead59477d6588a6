import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { type GpuReport, runGpuBench } from '../../src/bench/gpu.js';
import { InputError, RunError } from '../../src/errors.js';
import { pythonWith } from '../python.js';

const { python, skipped } = pythonWith('torch', 'numpy', 'safetensors');

const options = (folder: string) => ({
  device: 'cpu',
  output: path.join(folder, 'results/gpu.json'),
  commit: 'abc',
  only: 'network 108 224x224 x1',
  maxBatch: 1,
});

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'menet-'));
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    await body(folder);
  } finally {
    print.mockRestore();
    rmSync(folder, { recursive: true });
  }
}

test.skipIf(!python)(`a network agrees with PyTorch's, and both are timed${skipped}`, async () => {
  await withFolder(async (folder) => {
    await runGpuBench({ ...options(folder), python: python! });
    const text = readFileSync(options(folder).output, 'utf8');
    const { failures, rows, copyBytesPerSecond } = JSON.parse(text) as GpuReport;
    expect(failures).toEqual([]);
    expect(copyBytesPerSecond).toBeGreaterThan(0);
    expect(rows.map(({ op, batch, mode }) => [op, batch, mode])).toEqual([
      ['network', 1, 'forward'],
    ]);
    const { drivers, ratios } = rows[0]!;
    expect(drivers['menet']!.difference).toBeLessThan(1e-5);
    expect(drivers['torch graphs']!.unavailable).toBe('CUDA graphs need a GPU');
    expect(ratios['torch channels_last']).toBeGreaterThan(0);
  });
});

test('a Python without PyTorch, and a device that is not there, are named', async () => {
  await withFolder(async (folder) => {
    await expect(runGpuBench({ ...options(folder), python: 'no-python' })).rejects.toThrow(
      new RunError(
        'bench: expected a Python with PyTorch, got no-python: spawnSync no-python ENOENT',
      ),
    );
    await expect(
      runGpuBench({ ...options(folder), python: 'no-python', device: 'cuda:x' }),
    ).rejects.toThrow(InputError);
  });
});
