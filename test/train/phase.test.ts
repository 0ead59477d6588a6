import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/data/loader.js';
import { emptyTotals } from '../../src/train/metrics.js';
import { runPhase, type PhaseOptions } from '../../src/train/phase.js';
import { silentProgress, type StepReport } from '../../src/train/progress.js';

const right = { top1: 1, top5: 2 };

/** Runs a phase over batches of these sizes, with what happens put down in order. */
async function run(
  sizes: readonly number[],
  options: Partial<PhaseOptions>,
  meet = (_: number) => {},
) {
  const diary: string[] = [];
  const reports: StepReport[] = [];
  const totals = emptyTotals();
  async function* batches() {
    for (const [i, size] of sizes.entries()) {
      meet(i);
      yield await Promise.resolve({ size } as Batch);
    }
  }
  const take = ({ size }: Batch, number: number) => {
    diary.push(`batch ${number}`);
    return Promise.resolve({ loss: size, correct: right });
  };
  await runPhase(batches(), take, {
    ...{ title: '', steps: sizes.length, totals, progress: silentProgress },
    finishStep: () => diary.push('step'),
    onStep: (report) => Promise.resolve(void reports.push(report)),
    ...options,
  });
  return { diary, reports, totals };
}

it('tells how long a step took, and how long of that it waited for its batch', async () => {
  async function* batches() {
    for (const wait of [0, 40]) {
      await setTimeout(wait);
      yield { size: 1 } as Batch;
    }
  }
  const reports: StepReport[] = [];
  await runPhase(batches(), () => setTimeout(20, { loss: 1, correct: right }), {
    ...{ title: '', steps: 2, totals: emptyTotals(), progress: silentProgress },
    onStep: (report) => Promise.resolve(void reports.push(report)),
  });
  for (const [i, { waited, milliseconds }] of reports.entries()) {
    expect(waited).toBeGreaterThan([0, 38][i]!); // timers may be a millisecond early
    expect(milliseconds - waited).toBeGreaterThan(18);
  }
});

describe('a phase of several batches a step', () => {
  it('weighs its batches by their images, and counts on where it resumes', async () => {
    const { diary, reports, totals } = await run([4, 2, 6], { batchesPerStep: 2, firstStep: 5 });
    expect(diary).toEqual(['batch 10', 'batch 11', 'step', 'batch 12', 'step']);
    expect(reports).toMatchObject([
      { done: 6, images: 6, loss: (4 * 4 + 2 * 2) / 6, correct: { top1: 2, top5: 4 } },
      { done: 7, images: 6, loss: 6, correct: right },
    ]);
    expect(totals).toEqual({ images: 12, loss: 16 + 4 + 36, top1: 3, top5: 6 });
  });

  it('ends after the step during which the signal comes, with all batches of that step', async () => {
    const controller = new AbortController();
    const options = { batchesPerStep: 2, signal: controller.signal };
    const { diary } = await run([1, 1, 1, 1, 1, 1], options, (i) => {
      if (i === 2) controller.abort(); // with the first batch of the second step
    });
    expect(diary).toEqual(['batch 0', 'batch 1', 'step', 'batch 2', 'batch 3', 'step']);
  });
});
