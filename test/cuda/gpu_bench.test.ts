import { expect, test } from 'vitest';
import { runSmallBench, smallCase } from '../bench/gpu_runs.js';

test('networks and their kernels are timed on CUDA', async () => {
  const cases = [smallCase({ batch: 1, kernels: true })];
  const { report, page } = await runSmallBench({ device: 'cuda', cases });
  expect(report.failures).toEqual([]);
  const { kernels, drivers } = report.rows[0]!;
  expect(Object.keys(drivers)).toEqual(['menet']);
  expect(drivers.menet!.imagesPerSecond).toBeGreaterThan(0);
  expect(kernels!.map(({ op }) => op)).toContain('MeUnit');
  for (const { bytes, milliseconds } of kernels!) {
    expect(bytes).toBeGreaterThan(0);
    expect(milliseconds).toBeGreaterThan(0);
  }
  expect(page).toContain('## Kernels of network 108 64x64 x1 forward float32');
});
