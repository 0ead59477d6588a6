import { afterEach, expect, test, vi } from 'vitest';
import { describeCase, gpuCases } from '../../src/bench/gpu_cases.js';
import { InputError, RunError } from '../../src/errors.js';
import { pythonWith } from '../python.js';
import { runSmallBench, smallCase } from './gpu_runs.js';

const { python, skipped } = pythonWith('torch', 'numpy', 'safetensors');

afterEach(() => {
  vi.unstubAllEnvs();
});

test.skipIf(!python)(`networks agree with PyTorch's, and both are timed${skipped}`, async () => {
  vi.stubEnv('OMP_NUM_THREADS', '1'); // PyTorch's threads starve where others compute
  const cases = [
    smallCase({ batch: 1 }),
    smallCase({ batch: 2, precision: 'bf16' }),
    smallCase({ batch: 2, mode: 'gradient' }),
  ];
  const { report, page } = await runSmallBench({ python: python!, cases });
  const { failures, rows, copyBytesPerSecond } = report;
  expect(failures).toEqual([]);
  expect(copyBytesPerSecond).toBeGreaterThan(0);
  expect(rows.map(({ batch, mode, precision }) => [batch, mode, precision])).toEqual([
    [1, 'forward', 'float32'],
    [2, 'forward', 'bf16'],
    [2, 'gradient', 'float32'],
  ]);
  const { drivers, ratio } = rows[0]!;
  expect(drivers['menet']!.difference).toBeLessThan(1e-5);
  expect(drivers['menet']!.peakBytes).toBeGreaterThan(4 * 64 * 64 * 3);
  const { p50, p99 } = drivers['torch channels_last']!.latency!;
  expect(p99).toBeGreaterThanOrEqual(p50);
  expect(drivers['torch graphs']!.unavailable).toBe('CUDA graphs need a GPU');
  expect(ratio).toBeGreaterThan(0);
  expect(rows[1]!.drivers['menet']!.difference).toBeGreaterThan(1e-5); // 16-bit indeed
  expect(page).toContain('| network 108 64x64 | 2 | forward | bf16 | torch channels_last |');
});

test('cases for which no time is left are listed, and those not asked for are not', async () => {
  const cases = [smallCase({ batch: 2 }), smallCase({ batch: 1, seconds: 1000 })];
  const { report, page } = await runSmallBench({ cases: [cases[1]!, cases[0]!], maxBatch: 1 });
  expect(report).toMatchObject({ rows: [], skipped: ['network 108 64x64 x1 forward float32'] });
  expect(page).toContain('## No time was left for\n\n- network 108');
});

test('a Python without PyTorch, and a device that is not there, are named', async () => {
  const cases = [smallCase({ batch: 1 })];
  await expect(runSmallBench({ cases, python: 'no-python' })).rejects.toThrow(
    new RunError('bench: torch graphs: spawn no-python ENOENT'),
  );
  await expect(runSmallBench({ cases, device: 'cuda:x' })).rejects.toThrow(InputError);
});

test('the cases: each once, those with targets first', () => {
  const names = gpuCases().map(describeCase);
  expect(new Set(names).size).toBe(names.length);
  expect(names.slice(0, 3)).toEqual([
    'network 228 224x224 x256 gradient bf16',
    'network 228 224x224 x256 forward bf16',
    'network 228 224x224 x1 forward bf16',
  ]);
  const networks = ['108', '228', '348', '456', 'ShuffleNet-1x-group-3', '1x-MobileNet-224'];
  const expected = networks.flatMap((network) =>
    ['float32', 'bf16', 'fp16'].flatMap((precision) => [
      ...[1, 32, 256, 1024].map((batch) => `${network} 224x224 x${batch} forward ${precision}`),
      ...[64, 256, 1024].map((batch) => `${network} 224x224 x${batch} gradient ${precision}`),
    ]),
  );
  expect(names).toEqual(expect.arrayContaining(expected.map((name) => `network ${name}`)));
});
