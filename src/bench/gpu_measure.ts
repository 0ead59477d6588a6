import { difference } from './compare.js';
import { type DriverOptions, DriverProcess } from './driver_process.js';
import { describeCase, type GpuCase } from './gpu_cases.js';
import type { DriverName, Precision, Reply } from './messages.js';
import { type Percentiles, percentiles, summarise, type Timing } from './statistics.js';
import type { KernelTime } from '../native.js';

/** What one driver did with one case. */
export interface GpuMeasurement {
  /** of one run, where as many as fill some milliseconds were started at once */
  timing?: Timing;
  imagesPerSecond?: number;
  /** of single runs that were waited for, at batch 1 */
  latency?: Percentiles;
  /** the most of the device's memory that was in use */
  peakBytes?: number;
  /** of its outputs from those of the last driver that has any; see compare.ts */
  difference?: number;
  /** why there is no timing */
  unavailable?: string;
}

export interface GpuRow {
  case: string;
  batch: number;
  mode: string;
  precision: Precision;
  drivers: Partial<Record<DriverName, GpuMeasurement>>;
  /** images/s of the best driver of menet over the best of PyTorch */
  ratio?: number;
  kernels?: KernelTime[];
}

/** Rounding of a whole network's activations adds up; gradients of batch norms do in float32. */
const tolerances: Record<Precision, number> = { float32: 5e-3, bf16: 0.2, fp16: 0.05 };
const rounds = 5;
/** of a driver whose single run takes longer than a round */
const slowRounds = 2;
/** milliseconds of one round's runs */
const roundTime = 100;
const latencyRuns = 200;

/** The drivers' processes, which go from case to case: PyTorch needs seconds to start. */
export class GpuDrivers {
  private readonly processes = new Map<DriverName, DriverProcess>();

  constructor(private readonly options: DriverOptions) {}

  /** The driver's process, started anew after one that ended. */
  get(name: DriverName): DriverProcess {
    const old = this.processes.get(name);
    if (old && !old.ended) return old;
    const driver = new DriverProcess(name, this.options);
    this.processes.set(name, driver);
    return driver;
  }

  stop(): void {
    for (const driver of this.processes.values()) driver.stop();
  }
}

interface Prepared {
  driver: DriverProcess;
  measurement: GpuMeasurement;
  outputs: Float32Array[];
  /** runs of a round */
  runs: number;
}

/**
 * Measures a case with its drivers: their outputs are compared, then they take turns.
 * @throws Error where outputs differ
 */
export async function measureGpuCase(gpuCase: GpuCase, all: GpuDrivers): Promise<GpuRow> {
  const { case: benchCase, mode, precision, drivers, seconds } = gpuCase;
  const row: GpuRow = {
    ...{ case: `${benchCase.op} ${benchCase.id}`, batch: benchCase.batch, mode, precision },
    drivers: {},
  };
  const ready: Prepared[] = [];
  try {
    for (const name of drivers) {
      const measurement: GpuMeasurement = (row.drivers[name] = {});
      const driver = all.get(name);
      const prepared = await prepareDriver(driver, gpuCase, seconds);
      if (typeof prepared === 'string') {
        measurement.unavailable = prepared;
        await release(driver); // what it could make takes the others' memory
      } else ready.push({ ...prepared, driver, measurement });
    }
    compareOutputs(ready, gpuCase);
    await timeRounds(ready, benchCase.batch);
    if (benchCase.batch === 1 && mode === 'forward') await timeLatencies(ready);
    if (gpuCase.kernels) row.kernels = await profileKernels(ready);
    return { ...row, ratio: bestRatio(row) };
  } finally {
    for (const { driver } of ready) await release(driver);
  }
}

async function release(driver: DriverProcess): Promise<void> {
  if (!driver.ended) await driver.ask({ type: 'release' });
}

/** Warmed up; or why it is not to be had. A process that failed does not keep the others. */
async function prepareDriver(
  driver: DriverProcess,
  { case: benchCase, mode, precision }: GpuCase,
  seconds: number,
): Promise<{ outputs: Float32Array[]; runs: number } | string> {
  try {
    const started = await driver.started;
    if (started.type === 'unavailable') return started.reason;
    const reply = await driver.ask({ type: 'prepare', case: benchCase, mode, precision }, seconds);
    if (reply.type === 'unavailable') return reply.reason;
    const { outputs } = expectReply(reply, 'prepared');
    const warm = expectReply(await driver.ask({ type: 'time', runs: 1 }, seconds), 'timed');
    const runs = Math.max(1, Math.min(200, Math.round(roundTime / warm.milliseconds)));
    return { outputs, runs };
  } catch (error) {
    return (error as Error).message;
  }
}

function expectReply<Type extends Reply['type']>(
  reply: Reply,
  type: Type,
): Extract<Reply, { type: Type }> {
  if (reply.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(reply)}`);
  return reply as Extract<Reply, { type: Type }>;
}

function compareOutputs(ready: Prepared[], gpuCase: GpuCase): void {
  const last = ready.at(-1);
  for (const { driver, measurement, outputs } of ready) {
    measurement.difference = difference(outputs, last!.outputs);
    if (measurement.difference <= tolerances[gpuCase.precision]) continue;
    throw new Error(
      `${describeCase(gpuCase)}: ${driver.name} differs from ${last!.driver.name} by ${measurement.difference}`,
    );
  }
}

/** Takes turns, so that all drivers see the same machine. */
async function timeRounds(ready: Prepared[], batch: number): Promise<void> {
  const timings = new Map(ready.map(({ driver }) => [driver, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { driver, measurement, runs } of ready) {
      if (runs === 1 && round >= slowRounds) continue;
      const reply = expectReply(await driver.ask({ type: 'time', runs }), 'timed');
      timings.get(driver)!.push(reply.milliseconds);
      measurement.peakBytes = reply.peakBytes;
    }
  }
  for (const { driver, measurement } of ready) {
    measurement.timing = summarise(timings.get(driver)!);
    measurement.imagesPerSecond = (1000 * batch) / measurement.timing.median;
  }
}

async function timeLatencies(ready: Prepared[]): Promise<void> {
  for (const { driver, measurement, runs } of ready) {
    const request = { type: 'latencies', runs: runs === 1 ? slowRounds : latencyRuns } as const;
    const reply = expectReply(await driver.ask(request), 'latencies');
    measurement.latency = percentiles(reply.milliseconds);
  }
}

/** Of the driver that launches them one by one. */
async function profileKernels(ready: Prepared[]): Promise<KernelTime[] | undefined> {
  const eager = ready.find(({ driver }) => driver.name === 'menet');
  if (!eager) return undefined;
  return expectReply(await eager.driver.ask({ type: 'profile' }), 'profiled').kernels;
}

function bestRatio({ drivers }: GpuRow): number | undefined {
  const best = (ofTorch: boolean) =>
    Math.max(
      ...Object.entries(drivers)
        .filter(([name]) => name.startsWith('torch') === ofTorch)
        .map(([, { imagesPerSecond }]) => imagesPerSecond ?? 0),
    );
  const ratio = best(false) / best(true);
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}
