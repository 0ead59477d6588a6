import { expect, it } from 'vitest';
import { readTrainingState } from '../../src/train/training_state.js';

const metadata = { model_name: 'menet', last_epoch: 4, best_prec1: 12.5 };

it('takes the steps that torch.optim counts per parameter', () => {
  const state = { 'a.weight': { step: 12 }, 'b.weight': { step: 12 } };
  const read = (more: object) => readTrainingState('a.pth', { ...metadata, ...more });
  expect(read({ optimizer: { state } }).optimizer_steps).toBe(12);
  expect(read({ optimizer: { state }, optimizer_steps: 3 }).optimizer_steps).toBe(3);
  expect(read({ optimizer: { state: {} } }).optimizer_steps).toBe(0);
  expect(read({}).optimizer_steps).toBe(0);
});
