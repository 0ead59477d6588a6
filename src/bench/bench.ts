import os from 'node:os';
import { reject } from '../errors.js';
import { benchCases, benchOps } from './cases.js';
import { describeDrivers, measure, type Row } from './measure.js';
import type { DriverName } from './messages.js';
import { describeRow, tableHeader } from './table.js';

export interface BenchOptions {
  /** print one JSON document instead of a table */
  json?: boolean;
  /** operations to time, of {@link benchOps}; default all */
  ops?: readonly string[];
  /** threads of the backend `menet`; default what it takes by itself */
  threads?: number;
  /** one small case per operation and few runs */
  quick?: boolean;
}

/** The result of a benchmark run, as `--json` prints it. Times are in milliseconds. */
export interface BenchReport {
  date: string;
  machine: { cpu: string; cores: number; system: string; node: string };
  /** what each driver runs on, or why it does not */
  drivers: Partial<Record<DriverName, string>>;
  rows: Row[];
}

/**
 * Times the fused operations and a network against the stock composition on the backends
 * `menet`, `wasm` and `cpu`, and prints a table, or with `json` one document, on stdout.
 * @throws InputError for an operation it does not know
 */
export async function runBench(options: BenchOptions = {}): Promise<BenchReport> {
  const { json = false, ops = benchOps, threads, quick = false } = options;
  for (const op of ops)
    if (!benchOps.includes(op)) reject('bench: ops', `one of ${benchOps.join(', ')}`, op);

  const machine = describeMachine();
  const drivers = await describeDrivers({ threads });
  const report: BenchReport = { date: new Date().toISOString(), machine, drivers, rows: [] };
  const print = (text: string) => void (json || console.log(text));
  print(tableHeader(report));
  const limits = quick ? { rounds: 5, budget: 1000 } : { rounds: 15, budget: 4000 };
  for (const benchCase of benchCases(quick).filter(({ op }) => ops.includes(op))) {
    for await (const row of measure(benchCase, { ...limits, threads })) {
      report.rows.push(row);
      print(describeRow(row));
    }
  }
  if (json) console.log(JSON.stringify(report, null, 2));
  return report;
}

export function describeMachine(): BenchReport['machine'] {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    system: `${os.type()} ${os.release()} ${process.arch}`,
    node: process.version,
  };
}
