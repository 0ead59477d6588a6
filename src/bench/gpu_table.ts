import type { GpuReport } from './gpu.js';
import type { GpuMeasurement, GpuRow } from './gpu_measure.js';
import type { KernelTime } from '../native.js';

/** The results as a Markdown page: networks and units, latencies, kernels. */
export function markdownOf(report: GpuReport): string {
  const { date, commit, device, machine, copyBytesPerSecond, drivers } = report;
  const kernels = report.rows.filter((row) => row.kernels);
  return [
    `# ${device}, ${date.slice(0, 10)}`,
    `Commit ${commit}; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}. The device copies ${tera(copyBytesPerSecond)} (bytes read and written).`,
    Object.entries(drivers)
      .map(([name, description]) => `- ${name}: ${description}`)
      .join('\n'),
    ...(report.rows.length > 0 ? ['## Cases', caseTable(report.rows)] : []),
    ...kernels.map((row) => kernelTable(row, copyBytesPerSecond)),
    ...list(
      'Failed',
      report.failures.map((failure) => `${failure.case}: ${failure.message}`),
    ),
    ...list('No time was left for', report.skipped),
  ].join('\n\n');
}

function list(title: string, lines: string[]): string[] {
  return lines.length > 0 ? [`## ${title}`, lines.map((line) => `- ${line}`).join('\n')] : [];
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One line for each driver of each case. */
function caseTable(rows: readonly GpuRow[]): string {
  const head = [
    'case',
    'batch',
    'mode',
    'precision',
    'driver',
    'images/s',
    'ms',
    'p50 / p90 / p99',
  ];
  return table(
    [...head, 'peak MB', 'difference'],
    rows.flatMap((row) =>
      Object.entries(row.drivers).map(([name, measurement]) => [
        ...[row.case, String(row.batch), row.mode, row.precision, name],
        ...cells(measurement),
      ]),
    ),
  );
}

function cells(measurement: GpuMeasurement): string[] {
  const { timing, imagesPerSecond, latency, peakBytes, difference, unavailable } = measurement;
  if (unavailable !== undefined) return [unavailable, '', '', '', ''];
  const short = (value: number | undefined) => (value === undefined ? '' : digits(value));
  return [
    short(imagesPerSecond),
    short(timing?.median),
    latency ? Object.values(latency).map(digits).join(' / ') : '',
    peakBytes === undefined ? '' : (peakBytes / 1e6).toFixed(0),
    difference === undefined ? '' : difference.toExponential(1),
  ];
}

/** The kernels of one run, those that take longest first. */
function kernelTable(row: GpuRow, copyBytesPerSecond: number): string {
  const kernels = [...row.kernels!].sort((a, b) => b.milliseconds - a.milliseconds);
  const total = kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const lines = kernels.map((kernel) => {
    const rate = bytesPerSecond(kernel);
    return [
      ...[kernel.op, `\`${kernel.kernel}\``, String(kernel.launches)],
      ...[digits(kernel.milliseconds), percent(kernel.milliseconds / total)],
      ...[(kernel.bytes / 1e6).toFixed(0), tera(rate), percent(rate / copyBytesPerSecond)],
    ];
  });
  const title = `## Kernels of ${row.case} x${row.batch} ${row.mode} ${row.precision}`;
  const head = ['op', 'kernel', 'launches', 'ms', 'of all', 'MB', 'rate', 'of copy'];
  return `${title}\n\n${table(head, lines)}`;
}

const bytesPerSecond = ({ bytes, milliseconds }: KernelTime) => (1000 * bytes) / milliseconds;

/** A line for the terminal. */
export function describeRow({
  case: name,
  batch,
  mode,
  precision,
  drivers,
  ratio,
}: GpuRow): string {
  const each = Object.entries(drivers).map(([driver, measurement]) => {
    const { imagesPerSecond, latency, unavailable } = measurement;
    if (unavailable !== undefined) return `${driver} n/a`;
    const micros = latency ? ` (p50 ${(1000 * latency.p50).toFixed(0)} us)` : '';
    return `${driver} ${digits(imagesPerSecond!)}/s${micros}`;
  });
  const times = ratio === undefined ? '' : `  ${digits(ratio)}x`;
  return `${name} x${batch} ${mode} ${precision}: ${each.join(', ')}${times}`;
}

/** Three significant digits, no exponent. */
const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const tera = (rate: number) => `${(rate / 1e12).toPrecision(3)} TB/s`;
