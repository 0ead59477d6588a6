import type { BenchReport } from './bench.js';
import type { Measurement, Row } from './measure.js';
import { type DriverName, driverNames } from './messages.js';

const titleWidth = 45;
const cellWidth = 22;
const ratioWidth = 9;

/** What ran where, and the names of the columns. */
export function tableHeader(
  { machine, drivers: descriptions }: BenchReport,
  names: readonly DriverName[] = driverNames,
): string {
  const columns = [
    'operation'.padEnd(titleWidth),
    ...names.map((name) => name.padStart(cellWidth)),
    ...names.slice(1).map((name) => `/ ${name.split(' ').at(-1)}`.padStart(ratioWidth)),
  ].join('');
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}`,
    ...names.map((name) => `${name}: ${descriptions[name]}`),
    '',
    'Milliseconds, median (lower to upper quartile); how many times faster the first one is.',
    '',
    columns,
    '-'.repeat(columns.length),
  ].join('\n');
}

/** One line of the table. */
export function describeRow(row: Row, names: readonly DriverName[] = driverNames): string {
  const title = `${row.op} ${row.case} x${row.batch} ${row.mode}`;
  return [
    title.padEnd(titleWidth),
    ...names.map((name) => cell(row.drivers[name]).padStart(cellWidth)),
    ...names.slice(1).map((name) => ratio(row.ratios[name]).padStart(ratioWidth)),
  ].join('');
}

function cell(measurement: Measurement | undefined): string {
  if (!measurement?.timing) return 'n/a';
  const { median, quartiles, samples } = measurement.timing;
  if (samples === 1) return `${short(median)} (one run)`;
  return `${short(median)} (${short(quartiles[0])}-${short(quartiles[1])})`;
}

function ratio(value: number | undefined): string {
  return value === undefined ? '-' : `${short(value)}x`;
}

/** Three significant digits, no exponent. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
