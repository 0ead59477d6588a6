import type { EpochLogRecord } from './log_record.js';

/** Columns of `epochs.csv`, and where their values come from. Epochs count from 1. */
const columns: Record<string, (record: EpochLogRecord) => number | string> = {
  epoch: (record) => record.epoch + 1,
  global_step: (record) => record.global_step,
  learning_rate: (record) => record.learning_rate,
  train_loss: ({ train }) => train.loss,
  train_top1: ({ train }) => train.top1,
  train_top5: ({ train }) => train.top5,
  valid_loss: ({ valid }) => valid.loss,
  valid_top1: ({ valid }) => valid.top1,
  valid_top5: ({ valid }) => valid.top5,
  seconds: (record) => record.seconds,
  images_per_second: (record) => record.images_per_second,
  waited: (record) => record.waited,
  best: (record) => Number(record.best),
  time: (record) => record.time,
};

/** The finished epochs as CSV with a header; figures that are none are empty. */
export function epochsCsv(epochs: readonly EpochLogRecord[]): string {
  const rows = epochs.map((record) => Object.values(columns).map((value) => cell(value(record))));
  return [Object.keys(columns), ...rows].map((row) => `${row.join(',')}\n`).join('');
}

function cell(value: number | string): string {
  return typeof value === 'number' && !Number.isFinite(value) ? '' : String(value);
}
