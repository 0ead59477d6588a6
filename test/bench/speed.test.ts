import { expect, test, vi } from 'vitest';
import { runBench } from '../../src/bench/bench.js';

const long = Boolean(process.env.MENET_TEST_ALL);

test.runIf(long)(
  '228-MENet: inference no slower than stock ops on wasm, training ten times faster than on cpu',
  async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const { rows } = await runBench({ ops: ['network'] });
    const ratios = (mode: string, batch: number) =>
      rows.find((row) => row.mode === mode && row.batch === batch)!.ratios;
    expect(ratios('forward', 32)['stock wasm']).toBeGreaterThan(1);
    expect(ratios('gradient', 2)['stock cpu']).toBeGreaterThan(10);
  },
  1_800_000,
);
