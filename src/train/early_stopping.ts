import type { EpochRecord } from './training_state.js';

/** How many epochs ago the best validation top-1 was reached, for the first time. */
export function epochsWithoutImprovement(history: readonly EpochRecord[]): number {
  const scores = history.map(({ valid }) => valid.top1);
  return history.length === 0 ? 0 : scores.length - 1 - scores.indexOf(Math.max(...scores));
}
