import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '../checkpoints/safetensors.js';
import { chooseDevice, currentDevice, devices } from '../devices.js';
import { RunError } from '../errors.js';
import { createModel, readModelConfig } from '../models/model.js';
import { getState } from '../models/state.js';
import { type BenchReport, describeMachine } from './bench.js';
import { type BenchCase, type GpuCase, gpuCases, modelFile } from './cases.js';
import { torchDriverFile } from './driver_process.js';
import { describeDrivers, measure, type Row } from './measure.js';
import type { DriverName, TorchOptions } from './messages.js';
import { describeRow, tableHeader } from './table.js';

export interface GpuBenchOptions {
  /** device of both, `cuda:0` or, to check the drivers, `cpu` */
  device: string;
  /** a Python with torch, numpy and safetensors */
  python: string;
  /** file of the results, written after each row */
  output: string;
  /** of the checkout that is measured */
  commit: string;
  /** cases whose description has this in it */
  only?: string;
  /** largest batch */
  maxBatch?: number;
  /** torch.compile too, which takes a minute for a network */
  compile?: boolean;
}

interface GpuRow extends Row {
  /** of the first driver, at its median */
  imagesPerSecond?: number;
  /** bytes of a unit's inputs and outputs, each once, over its median */
  bytesPerSecond?: number;
}

export interface GpuReport extends BenchReport {
  device: string;
  commit: string;
  /** bytes read and written by the device's own copy */
  copyBytesPerSecond: number;
  rows: GpuRow[];
  /** cases that ended without a row, and why */
  failures: { case: string; message: string }[];
}

/** PyTorch's own layouts differ by 1e-3 in gradients of batch norms over few values. */
const limits = { rounds: 15, budget: 3000, tolerance: 5e-3 };

/**
 * Times networks and units on a device against PyTorch on the same, with the same weights, after
 * their outputs have been compared; prints a table and writes a JSON document as rows come.
 * @throws InputError where there is no such device; RunError for a Python without PyTorch
 */
export async function runGpuBench(options: GpuBenchOptions): Promise<GpuReport> {
  const { device, python, output, commit, compile = false } = options;
  chooseDevice('--device', device);
  process.env.MENET_DEVICE = currentDevice(); // for the drivers' processes
  const names: DriverName[] = ['menet', 'torch channels_last', 'torch graphs', 'torch eager'];
  if (compile) names.splice(1, 0, 'torch compile');
  const weights = mkdtempSync(path.join(os.tmpdir(), 'menet-bench-'));
  try {
    const torch = { python, device: currentDevice(), weights };
    const cases = selectCases(options);
    await writeWeights(
      cases.map((gpuCase) => gpuCase.case),
      weights,
    );
    const report: GpuReport = {
      date: new Date().toISOString(),
      commit,
      device: describeDevice(),
      machine: describeMachine(),
      copyBytesPerSecond: measureCopy(torch),
      drivers: await describeDrivers({ torch }, names),
      rows: [],
      failures: [],
    };
    console.log(`${report.device}, copies ${tera(report.copyBytesPerSecond)}; commit ${commit}`);
    console.log(tableHeader(report, names));
    for (const gpuCase of cases) await runCase(gpuCase, { torch, drivers: names }, report, output);
    return report;
  } finally {
    rmSync(weights, { recursive: true });
  }
}

/** A case that fails is written down, and does not keep the others from being measured. */
async function runCase(
  { case: benchCase, modes }: GpuCase,
  options: { torch: TorchOptions; drivers: readonly DriverName[] },
  report: GpuReport,
  output: string,
): Promise<void> {
  try {
    for await (const row of measure(benchCase, { ...limits, ...options, modes })) {
      const rates = ratesOf(benchCase, row);
      report.rows.push({ ...row, ...rates });
      console.log(describeRow(row, options.drivers) + describeRates(rates));
    }
  } catch (error) {
    const { message } = error as Error;
    report.failures.push({ case: `${benchCase.op} ${benchCase.id} x${benchCase.batch}`, message });
    console.log(`FAILED: ${message}`);
  }
  mkdirSync(path.dirname(output), { recursive: true });
  writeFileSync(output, `${JSON.stringify(report, null, 2)}\n`);
}

function selectCases({ only = '', maxBatch = Infinity }: GpuBenchOptions): GpuCase[] {
  return gpuCases().filter(
    ({ case: { op, id, batch } }) => batch <= maxBatch && `${op} ${id} x${batch}`.includes(only),
  );
}

/** The weights that the drivers of src/bench/network.ts draw, for PyTorch. */
async function writeWeights(cases: readonly BenchCase[], folder: string): Promise<void> {
  await tf.setBackend('cpu');
  const names = cases.flatMap((benchCase) =>
    benchCase.kind === 'network' ? [benchCase.model] : [],
  );
  for (const name of new Set(names)) {
    const model = createModel(readModelConfig(modelFile(name)), { seed: 1 });
    const checkpoint = { tensors: await getState(model), metadata: {} };
    await writeSafetensors(path.join(folder, `${name}.safetensors`), checkpoint);
    model.dispose();
  }
}

function measureCopy({ python, device, weights }: TorchOptions): number {
  const command = [torchDriverFile, 'copy rate', device, weights];
  const { status, stdout, stderr, error } = spawnSync(python, command, { encoding: 'utf8' });
  if (error || status !== 0) {
    const reason = error?.message ?? stderr.trim().split('\n').at(-1);
    throw new RunError(`bench: expected a Python with PyTorch, got ${python}: ${reason}`);
  }
  return (JSON.parse(stdout) as { bytesPerSecond: number }).bytesPerSecond;
}

function ratesOf(benchCase: BenchCase, row: Row): Partial<GpuRow> {
  const median = row.drivers.menet?.timing?.median;
  if (median === undefined) return {};
  const perSecond = (count: number) => (1000 * count) / median;
  return {
    imagesPerSecond: perSecond(benchCase.batch),
    ...(benchCase.kind === 'network'
      ? {}
      : { bytesPerSecond: perSecond(leastBytes(benchCase, row)) }),
  };
}

/** Forward reads x and writes y; backward reads x, y and dy and writes dx. */
function leastBytes(benchCase: BenchCase, { mode }: Row): number {
  if (benchCase.kind !== 'unit' && benchCase.kind !== 'separable') return NaN;
  const { batch, size, strides } = benchCase;
  const [inputs, outputs] =
    benchCase.kind === 'unit'
      ? [benchCase.inputChannels, benchCase.channels]
      : [benchCase.inChannels, benchCase.outChannels];
  const x = 4 * batch * size ** 2 * inputs;
  const y = 4 * batch * (size / strides) ** 2 * outputs;
  return mode === 'forward' ? x + y : 3 * x + 3 * y;
}

function describeRates({ imagesPerSecond, bytesPerSecond }: Partial<GpuRow>): string {
  if (imagesPerSecond === undefined) return '';
  const bytes = bytesPerSecond === undefined ? '' : `, ${tera(bytesPerSecond)}`;
  return `  ${imagesPerSecond.toPrecision(3)} images/s${bytes}`;
}

const tera = (bytesPerSecond: number) => `${(bytesPerSecond / 1e12).toPrecision(3)} TB/s`;

function describeDevice(): string {
  const { description } = devices().devices.find(({ name }) => name === currentDevice())!;
  return description ?? currentDevice();
}
