import { afterEach, expect, test, vi } from 'vitest';
import { type BenchReport, runBench } from '../../src/bench/bench.js';
import { InputError } from '../../src/errors.js';

afterEach(() => vi.restoreAllMocks());

function captureOutput(): string[] {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  return lines;
}

test('prints one JSON document: times, ratios and agreement of every driver', async () => {
  const lines = captureOutput();
  await runBench({ json: true, quick: true, ops: ['mergeEvolve'], threads: 2 });
  expect(lines).toHaveLength(1);
  const { drivers, rows } = JSON.parse(lines[0]!) as BenchReport;
  expect(drivers.menet).toMatch(/, 2 threads$/);
  expect(rows.map(({ mode }) => mode)).toEqual(['forward', 'gradient']);
  for (const row of rows) {
    for (const name of ['menet', 'stock menet', 'stock cpu'] as const) {
      expect(row.drivers[name]?.timing?.median).toBeGreaterThan(0);
      expect(row.drivers[name]?.difference).toBeLessThan(1e-3);
    }
    const [fused, stock] = [row.drivers.menet!, row.drivers['stock menet']!];
    expect(row.ratios['stock menet']).toBeCloseTo(stock.timing!.median / fused.timing!.median);
  }
  expect(rows[0]!.drivers['stock wasm']?.timing?.median).toBeGreaterThan(0);
  expect(rows[1]!.drivers['stock wasm']?.unavailable).toMatch(/not registered/);
});

test('prints a table', async () => {
  const lines = captureOutput();
  await runBench({ quick: true, ops: ['softmaxCrossEntropy'] });
  expect(lines.join('\n')).toMatch(/softmaxCrossEntropy 1000 classes x4 forward +\d/);
});

test('rejects an operation it does not know', async () => {
  await expect(runBench({ ops: ['meunit'] })).rejects.toThrow(InputError);
  await expect(runBench({ ops: ['meunit'] })).rejects.toThrow(
    'bench: ops: expected one of groupConvShuffleDepthwise',
  );
});
