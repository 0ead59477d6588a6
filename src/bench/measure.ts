import { type BenchCase, type Mode, modesOf } from './cases.js';
import { difference } from './compare.js';
import { type DriverOptions, DriverProcess } from './driver_process.js';
import { type DriverName, driverNames } from './messages.js';
import { summarise, type Timing } from './statistics.js';

export interface MeasureOptions extends DriverOptions {
  /** the first is what the others are compared with; default {@link driverNames} */
  drivers?: readonly DriverName[];
  /** default all that the case has */
  modes?: readonly Mode[];
  /** timed runs of each driver, after the first one */
  rounds: number;
  /** largest relative difference of outputs; default {@link TOLERANCE} */
  tolerance?: number;
  /** milliseconds after which a driver takes part in no further round */
  budget: number;
}

/** What one driver did with one case in one mode. */
export interface Measurement {
  timing?: Timing;
  /** of its outputs from those of the first driver that has any; see compare.ts */
  difference?: number;
  /** why there is no timing */
  unavailable?: string;
}

export interface Row {
  op: string;
  case: string;
  batch: number;
  mode: Mode;
  drivers: Partial<Record<DriverName, Measurement>>;
  /** time of each stock driver over that of the fused operation */
  ratios: Partial<Record<DriverName, number>>;
}

/** Outputs that differ by more than this are not the same computation. */
const TOLERANCE: Record<Mode, number> = {
  forward: 1e-3,
  gradient: 5e-3, // sums over up to 400,000 pixels, in another order
};

/** Measures a case in its modes, with every driver in a process of its own. */
export async function* measure(
  benchCase: BenchCase,
  options: MeasureOptions,
): AsyncGenerator<Row, void> {
  const { drivers = driverNames, modes = modesOf(benchCase) } = options;
  const processes = drivers.map((name) => new DriverProcess(name, options));
  try {
    for (const mode of modes) yield await measureMode(processes, benchCase, mode, options);
  } finally {
    for (const driver of processes) driver.stop();
  }
}

/** A driver that has run the case once. */
interface Prepared {
  driver: DriverProcess;
  outputs: Float32Array[];
  first: number;
}

async function measureMode(
  processes: DriverProcess[],
  benchCase: BenchCase,
  mode: Mode,
  options: MeasureOptions,
): Promise<Row> {
  const measurements: Partial<Record<DriverName, Measurement>> = {};
  const ready: Prepared[] = [];
  for (const driver of processes) {
    const started = await driver.started;
    const reply =
      started.type === 'started'
        ? await driver.ask({ type: 'prepare', case: benchCase, mode })
        : started;
    if (reply.type === 'prepared')
      ready.push({ driver, outputs: reply.outputs, first: reply.milliseconds });
    else if (reply.type === 'unavailable')
      measurements[driver.name] = { unavailable: reply.reason };
  }
  const differences = compareOutputs(
    ready,
    `${benchCase.op} ${benchCase.id} ${mode}`,
    options.tolerance ?? TOLERANCE[mode],
  );
  const timings = await timeRounds(ready, options);
  for (const { driver } of ready)
    measurements[driver.name] = {
      timing: summarise(timings.get(driver)!),
      difference: differences.get(driver)!,
    };
  return {
    op: benchCase.op,
    case: benchCase.id,
    batch: benchCase.batch,
    mode,
    drivers: measurements,
    ratios: ratios(
      processes.map(({ name }) => name),
      measurements,
    ),
  };
}

/** Compares with the last driver, the one that has least in common with the first. */
function compareOutputs(
  ready: Prepared[],
  what: string,
  tolerance: number,
): Map<DriverProcess, number> {
  const expected = ready.at(-1)?.outputs ?? [];
  const differences = new Map<DriverProcess, number>();
  for (const { driver, outputs } of ready) {
    const error = difference(outputs, expected);
    if (!(error <= tolerance))
      throw new Error(
        `${what}: ${driver.name} differs from ${ready.at(-1)!.driver.name} by ${error}`,
      );
    differences.set(driver, error);
  }
  return differences;
}

/**
 * Takes turns, so that all drivers see the same machine. The first run only warms up, unless
 * it alone uses up the budget.
 */
async function timeRounds(
  ready: Prepared[],
  { rounds, budget }: MeasureOptions,
): Promise<Map<DriverProcess, number[]>> {
  const spent = new Map(ready.map(({ driver, first }) => [driver, first]));
  const timings = new Map(ready.map(({ driver }) => [driver, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { driver } of ready) {
      if (spent.get(driver)! > budget) continue;
      const reply = await driver.ask({ type: 'time' });
      if (reply.type !== 'timed')
        throw new Error(`${driver.name}: expected a time, got ${reply.type}`);
      timings.get(driver)!.push(reply.milliseconds);
      spent.set(driver, spent.get(driver)! + reply.milliseconds);
    }
  }
  for (const { driver, first } of ready)
    if (timings.get(driver)!.length === 0) timings.get(driver)!.push(first);
  return timings;
}

/** Of every other driver's median to the first one's. */
function ratios(
  [first, ...others]: readonly DriverName[],
  measurements: Row['drivers'],
): Row['ratios'] {
  const base = first && measurements[first]?.timing;
  const result: Row['ratios'] = {};
  for (const name of others) {
    const timing = measurements[name]?.timing;
    if (base && timing) result[name] = timing.median / base.median;
  }
  return result;
}

/** What each driver says of itself on this machine. */
export async function describeDrivers(
  options: DriverOptions,
  names: readonly DriverName[] = driverNames,
): Promise<Partial<Record<DriverName, string>>> {
  const descriptions: Partial<Record<DriverName, string>> = {};
  for (const name of names) {
    const driver = new DriverProcess(name, options);
    const reply = await driver.started.finally(() => driver.stop());
    if (reply.type === 'started') descriptions[name] = reply.description;
    if (reply.type === 'unavailable') descriptions[name] = `not available: ${reply.reason}`;
  }
  return descriptions;
}
