import { expect, it } from 'vitest';
import { LossScale } from '../../src/train/loss_scale.js';

function times(count: number, work: () => void): void {
  for (let i = 0; i < count; i++) work();
}

it('halves when gradients overflow, and doubles after 2000 good steps', () => {
  const loss = new LossScale();
  expect(loss.scale).toBe(2 ** 16);
  loss.shrink();
  expect(loss.state).toEqual({ scale: 2 ** 15, good_steps: 0, skipped_steps: 1 });
  times(1999, () => loss.grow());
  expect(loss.scale).toBe(2 ** 15);
  loss.shrink(); // the good steps before do not count any more
  times(1999, () => loss.grow());
  expect(loss.scale).toBe(2 ** 14);
  loss.grow();
  expect(loss.state).toEqual({ scale: 2 ** 15, good_steps: 0, skipped_steps: 2 });
});

it('stays from 1 to 2^24', () => {
  const loss = new LossScale();
  times(15, () => loss.shrink());
  expect(loss.isLeast).toBe(false);
  times(3, () => loss.shrink());
  expect([loss.scale, loss.isLeast]).toEqual([1, true]);
  loss.restore({ scale: 2 ** 24, good_steps: 1999, skipped_steps: 0 });
  loss.grow();
  expect(loss.scale).toBe(2 ** 24);
});

it('goes on from its state', () => {
  const loss = new LossScale();
  loss.shrink();
  times(1500, () => loss.grow());
  const resumed = new LossScale();
  resumed.restore(loss.state);
  times(500, () => [loss.grow(), resumed.grow()]);
  expect(resumed.state).toEqual(loss.state);
  expect(resumed.scale).toBe(2 ** 16);
});
