import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import { networkCase } from '../../src/bench/cases.js';
import { type GpuBenchOptions, type GpuReport, runGpuBench } from '../../src/bench/gpu.js';
import type { GpuCase } from '../../src/bench/gpu_cases.js';

/** A small network with the drivers that need no GPU. */
export function smallCase(options: Partial<GpuCase> & { batch: number }): GpuCase {
  const { batch, ...rest } = options;
  return {
    ...{ case: networkCase('108-MENet-8x1-group-3', batch, 64), mode: 'forward', seconds: 1 },
    ...{ precision: 'float32', drivers: ['menet', 'torch graphs', 'torch channels_last'] },
    ...rest,
  };
}

/** Runs the benchmark silently in a folder of its own; gives what it wrote. */
export async function runSmallBench(
  options: Partial<GpuBenchOptions>,
): Promise<{ report: GpuReport; page: string }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'menet-'));
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  const output = path.join(folder, 'results/gpu.json');
  try {
    await runGpuBench({ device: 'cpu', commit: 'abc', budget: 100, output, ...options });
    const report = JSON.parse(readFileSync(output, 'utf8')) as GpuReport;
    return { report, page: readFileSync(output.replace('.json', '.md'), 'utf8') };
  } finally {
    print.mockRestore();
    rmSync(folder, { recursive: true });
  }
}
