import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '../checkpoints/safetensors.js';
import { chooseDevice, currentDevice, devices } from '../devices.js';
import { RunError } from '../errors.js';
import { createModel, readModelConfig } from '../models/model.js';
import { getState } from '../models/state.js';
import { describeMachine } from './bench.js';
import { modelFile } from './cases.js';
import { describeCase, type GpuCase, gpuCases } from './gpu_cases.js';
import { GpuDrivers, type GpuRow, measureGpuCase } from './gpu_measure.js';
import { describeRow, markdownOf } from './gpu_table.js';
import type { DriverName } from './messages.js';

export interface GpuBenchOptions {
  /** device of both, `cuda:0` or, to check the drivers, `cpu` */
  device: string;
  /** a Python with torch, numpy and safetensors; without it there is nothing to compare with */
  python?: string;
  /** file of the results, FILE.json, written after each row; FILE.md has them as a table */
  output: string;
  /** of the checkout that is measured */
  commit: string;
  /** cases whose description has this in it */
  only?: string;
  /** largest batch */
  maxBatch?: number;
  /** seconds that it takes at most; cases that do not fit are listed */
  budget: number;
  /** instead of all cases */
  cases?: readonly GpuCase[];
}

export interface GpuReport {
  date: string;
  commit: string;
  device: string;
  machine: ReturnType<typeof describeMachine>;
  /** bytes read and written by the device's own copy */
  copyBytesPerSecond: number;
  /** what each driver runs on, or why it does not */
  drivers: Partial<Record<DriverName, string>>;
  rows: GpuRow[];
  /** cases that ended without a row, and why */
  failures: { case: string; message: string }[];
  /** cases for which no time was left */
  skipped: string[];
}

/**
 * Times networks and units on a device beside PyTorch on the same, with the same weights, after
 * their outputs have been compared; prints, and writes a JSON document and a table, as rows come.
 * @throws InputError where there is no such device; RunError where a driver does not start
 */
export async function runGpuBench(options: GpuBenchOptions): Promise<GpuReport> {
  const { device, python, commit, budget } = options;
  const end = performance.now() + 1000 * budget;
  chooseDevice('--device', device);
  process.env.MENET_DEVICE = currentDevice(); // for the drivers' processes
  const weights = mkdtempSync(path.join(os.tmpdir(), 'menet-bench-'));
  const torch = python === undefined ? undefined : { python, device: currentDevice(), weights };
  const drivers = new GpuDrivers({ torch });
  try {
    const cases = selectCases(options);
    await writeWeights(cases, weights);
    const report: GpuReport = {
      ...{ date: new Date().toISOString(), commit },
      ...{ device: describeDevice(), machine: describeMachine() },
      copyBytesPerSecond: await measureCopy(drivers),
      drivers: await describeDrivers(drivers, cases),
      ...{ rows: [], failures: [], skipped: [] },
    };
    console.log(markdownOf(report));
    for (const gpuCase of cases) {
      const left = (end - performance.now()) / 1000;
      if (left < gpuCase.seconds) report.skipped.push(describeCase(gpuCase));
      else await runCase({ ...gpuCase, seconds: left }, drivers, report);
      writeReport(report, options.output);
    }
    if (report.skipped.length > 0)
      console.log(`\nNo time was left for:\n${report.skipped.join('\n')}`);
    return report;
  } finally {
    drivers.stop();
    rmSync(weights, { recursive: true });
  }
}

/** A case that fails is written down, and does not keep the others from being measured. */
async function runCase(gpuCase: GpuCase, drivers: GpuDrivers, report: GpuReport): Promise<void> {
  try {
    const row = await measureGpuCase(gpuCase, drivers);
    report.rows.push(row);
    console.log(describeRow(row));
  } catch (error) {
    const { message } = error as Error;
    report.failures.push({ case: describeCase(gpuCase), message });
    console.log(`FAILED: ${message}`);
  }
}

function writeReport(report: GpuReport, output: string): void {
  mkdirSync(path.dirname(output), { recursive: true });
  writeFileSync(output, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(output.replace(/(\.json)?$/, '.md'), `${markdownOf(report)}\n`);
}

/** Without PyTorch its drivers are left out. */
function selectCases({ only = '', maxBatch = Infinity, python, cases }: GpuBenchOptions) {
  return (cases ?? gpuCases())
    .filter((gpuCase) => gpuCase.case.batch <= maxBatch && describeCase(gpuCase).includes(only))
    .map((gpuCase) => {
      const { drivers } = gpuCase;
      const withoutTorch = drivers.filter((name) => !name.startsWith('torch'));
      return { ...gpuCase, drivers: python === undefined ? withoutTorch : drivers };
    });
}

/** The weights that the drivers of src/bench/network.ts draw, for PyTorch. */
async function writeWeights(cases: readonly GpuCase[], folder: string): Promise<void> {
  await tf.setBackend('cpu');
  const names = cases.flatMap(({ case: benchCase }) =>
    benchCase.kind === 'network' ? [benchCase.model] : [],
  );
  for (const name of new Set(names)) {
    const model = createModel(readModelConfig(modelFile(name)), { seed: 1 });
    const checkpoint = { tensors: await getState(model), metadata: {} };
    await writeSafetensors(path.join(folder, `${name}.safetensors`), checkpoint);
    model.dispose();
  }
}

async function measureCopy(drivers: GpuDrivers): Promise<number> {
  const driver = drivers.get('menet');
  await driver.started;
  const { memory = 2 ** 31 } = findDevice();
  const bytes = Math.floor(memory / 2 ** 21) * 2 ** 12; // beyond any cache
  const reply = await driver.ask({ type: 'copy', bytes });
  if (reply.type !== 'copied') throw new RunError(`bench: expected a copy, got ${reply.type}`);
  return reply.bytesPerSecond;
}

async function describeDrivers(drivers: GpuDrivers, cases: readonly GpuCase[]) {
  const descriptions: GpuReport['drivers'] = {};
  for (const name of new Set(cases.flatMap((gpuCase) => gpuCase.drivers))) {
    const reply = await drivers.get(name).started;
    if (reply.type === 'started') descriptions[name] = reply.description;
    if (reply.type === 'unavailable') descriptions[name] = `not available: ${reply.reason}`;
  }
  return descriptions;
}

function describeDevice(): string {
  return findDevice().description ?? currentDevice();
}

const findDevice = () => devices().devices.find(({ name }) => name === currentDevice())!;
