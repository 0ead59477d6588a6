import type { EpochLogRecord, StepRecord } from '../log_record.js';
import type { RunHistory } from '../run_history.js';
import type { Html } from './html.js';
import { lineChart, type Point, type Series } from './line_chart.js';

const colors = { training: 1, validation: 2, other: 3 };

/** The curves of one run: per step where the run is young, per epoch, training and validation. */
export function runCharts(history: RunHistory): Html[] {
  const steps = (value: (record: StepRecord) => number): Point[] =>
    history.steps.map((record) => ({ x: history.positionOf(record), y: value(record) }));
  const single = (name: string, points: Point[]): Series[] => [
    { name, points, color: colors.other },
  ];
  return [
    lineChart({ id: 'loss', title: 'Loss', series: trainAndValid(history, 'loss') }),
    lineChart({
      id: 'top1',
      title: 'Top-1 accuracy',
      unit: ' %',
      series: trainAndValid(history, 'top1'),
    }),
    lineChart({
      id: 'top5',
      title: 'Top-5 accuracy',
      unit: ' %',
      series: trainAndValid(history, 'top5'),
    }),
    lineChart({
      id: 'learning-rate',
      title: 'Learning rate',
      logarithmic: true,
      series: single(
        'learning rate',
        steps((record) => record.learning_rate),
      ),
    }),
    lineChart({
      id: 'throughput',
      title: 'Images per second',
      series: single(
        'training',
        steps((record) => record.images_per_second),
      ),
    }),
    lineChart({
      id: 'waiting',
      title: 'Waiting for data',
      unit: ' %',
      series: single(
        'share of the time',
        steps(({ waited, milliseconds }) => (100 * waited) / milliseconds),
      ),
    }),
  ];
}

function trainAndValid(history: RunHistory, field: 'loss' | 'top1' | 'top5'): Series[] {
  return [
    {
      name: 'steps',
      color: colors.training,
      faint: true,
      points: history.steps.map((record) => ({
        x: history.positionOf(record),
        y: record[field],
      })),
    },
    {
      name: 'training',
      color: colors.training,
      points: epochPoints(history, ({ train }) => train[field]),
    },
    {
      name: 'validation',
      color: colors.validation,
      points: epochPoints(history, ({ valid }) => valid[field]),
    },
  ];
}

/** An epoch's figures belong to its end. */
export function epochPoints(
  { epochs }: RunHistory,
  value: (record: EpochLogRecord) => number,
): Point[] {
  return epochs.map((record) => ({ x: record.epoch + 1, y: value(record) }));
}
