import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../../src/random.js';
import { RunRecorder } from '../../src/report/recorder.js';
import type { Position, RunStart } from '../../src/train/observer.js';
import type { EpochRecord } from '../../src/train/training_state.js';
import type { ValidationDetails } from '../../src/train/validation_details.js';

/** A new temporary folder, and what removes it. */
export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'menet-report-'));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

export interface MadeUpRun {
  folder: string;
  classes: readonly string[];
  /** Epochs of the run, and of those how many are done. */
  epochs: number;
  stepsPerEpoch: number;
  /** Field of the optimizer's configuration. */
  learningRate?: number;
}

/** The parts of a run's configuration that records and pages take from it. */
function configuration({ epochs, learningRate = 0.1 }: MadeUpRun): RunStart['configuration'] {
  return {
    data: {
      name: 'made up',
      train_root: 'train',
      valid_root: 'valid',
      batch_size: 16,
      num_workers: 1,
      transform: 'aggressive',
      image_size: 32,
    },
    model: { name: 'menet', num_classes: 8 },
    optimizer: { name: 'SGD', learning_rate: learningRate, momentum: 0.9, epochs },
    schedule: { name: 'StepLR', step_size: 3, gamma: 0.1 },
    seed: 0,
    version: '0.1.0',
    backend: 'menet',
    device: 'cpu',
    threads: 2,
  } as unknown as RunStart['configuration'];
}

/** Feeds a recorder with a run whose figures are made up, and follow from their step alone. */
export class RunScript {
  readonly recorder: RunRecorder;
  readonly messages: string[] = [];
  readonly history: EpochRecord[] = [];

  constructor(readonly run: MadeUpRun) {
    mkdirSync(run.folder, { recursive: true });
    this.recorder = new RunRecorder({
      folder: run.folder,
      report: (message) => this.messages.push(message),
      pageEvery: 0.2,
    });
  }

  start(resumedAt: Position = { epoch: 0, step: 0, globalStep: 0 }): Promise<void> {
    const { classes, stepsPerEpoch } = this.run;
    const history = Array.from({ length: resumedAt.epoch }, (_, epoch) => this.record(epoch));
    const start = { configuration: configuration(this.run), classes, stepsPerEpoch };
    return this.recorder.start({ ...start, resumedAt, history });
  }

  /** Steps `from` to `to` of an epoch, from 1. */
  steps(epoch: number, from: number, to: number): void {
    const { stepsPerEpoch, learningRate = 0.1 } = this.run;
    for (let step = from; step <= to; step++) {
      const globalStep = epoch * stepsPerEpoch + step;
      const [loss, top1] = progressAt(globalStep / stepsPerEpoch, globalStep);
      this.recorder.step({
        epoch,
        step,
        globalStep,
        learningRate: learningRate * 0.1 ** Math.floor(epoch / 3),
        loss,
        correct: { top1: Math.round(16 * top1), top5: 16 },
        images: 16,
        milliseconds: 20 + (globalStep % 3),
        waited: 1 + (globalStep % 2),
      });
    }
  }

  epoch(epoch: number, validation?: ValidationDetails): Promise<void> {
    return this.recorder.epoch({ record: this.record(epoch), validation, isBest: true });
  }

  private record(epoch: number): EpochRecord {
    const [loss, top1] = progressAt(epoch + 1, 0);
    const means = (worse: number) => ({
      images: 16 * this.run.stepsPerEpoch,
      loss: loss + worse,
      top1: 100 * (top1 - worse / 4),
      top5: 100,
    });
    const rate = (this.run.learningRate ?? 0.1) * 0.1 ** Math.floor(epoch / 3);
    return { epoch, learning_rate: rate, train: means(0), valid: means(0.1), seconds: 4 };
  }
}

/** Loss and share of right images after some epochs; `noise` picks a deviation. */
function progressAt(epochs: number, noise: number): [number, number] {
  const deviation = noise === 0 ? 0 : randomStream(7, noise, 0)() - 0.5;
  return [
    2.2 * Math.exp(-epochs / 3) + 0.1 + 0.3 * deviation,
    Math.min(1, 0.95 - 0.8 * Math.exp(-epochs / 2.5) + 0.1 * deviation),
  ];
}

/** Most images on the diagonal, some beside it, one mistake far off; `pictures` are shown. */
export function madeUpDetails(classes: number, pictures: readonly string[]): ValidationDetails {
  const confusion = new Uint32Array(classes * classes);
  for (let label = 0; label < classes; label++) {
    confusion[label * classes + label] = 40 - (label % 7);
    if (classes > 1) confusion[label * classes + ((label + 1) % classes)] = label % 5;
    if (classes > 2) confusion[label * classes + ((label * 3 + 2) % classes)]! += 1;
  }
  const worst = pictures.map((file, i) => {
    const predicted = (i + 1) % classes;
    const probability = 0.001 * (i + 1);
    const confidence = 0.99 - 0.02 * i;
    return { file, label: i % classes, predicted, probability, confidence, loss: 6 - i / 10 };
  });
  return { confusion, worst: classes > 1 ? worst : [] };
}

/** Small pictures with names of their own. */
export async function makePictures(folder: string, count: number): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const file = path.join(folder, `picture-${i}.png`);
      const background = { r: (i * 53) % 256, g: (i * 101) % 256, b: 120 };
      await sharp({ create: { width: 200, height: 150, channels: 3, background } })
        .png()
        .toFile(file);
      return file;
    }),
  );
}
