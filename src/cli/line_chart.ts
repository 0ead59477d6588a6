/** A line of a chart: one value per epoch, from epoch 1. */
export interface Series {
  name: string;
  values: readonly number[];
}

const width = 480;
const height = 280;
const margin = { top: 34, right: 12, bottom: 26, left: 44 };
const colors = ['var(--first)', 'var(--second)'];

/** A line chart as inline SVG; colours come from the page's custom properties. */
export function lineChart(title: string, series: readonly Series[]): string {
  const ticks = niceTicks(Math.max(...series.flatMap(({ values }) => values)));
  const last = Math.max(...series.map(({ values }) => values.length));
  const x = (epoch: number) =>
    margin.left + ((width - margin.left - margin.right) * (epoch - 1)) / Math.max(1, last - 1);
  const y = (value: number) =>
    height -
    margin.bottom -
    ((height - margin.top - margin.bottom) * value) / (ticks.at(-1) as number);

  const grid = ticks.map(
    (tick) =>
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="var(--line)"/>` +
      `<text x="${margin.left - 6}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`,
  );
  const epochs = [...new Set([1, Math.ceil(last / 2), last])].map(
    (epoch) => `<text x="${x(epoch)}" y="${height - 8}" text-anchor="middle">${epoch}</text>`,
  );
  const lines = series.map(({ name, values }, i) => {
    const points = values.map((value, at) => `${x(at + 1).toFixed(1)},${y(value).toFixed(1)}`);
    const key = margin.left + i * 90;
    return (
      `<polyline points="${points.join(' ')}" fill="none" stroke="${colors[i]}" stroke-width="2"/>` +
      `<line x1="${key}" x2="${key + 16}" y1="24" y2="24" stroke="${colors[i]}" stroke-width="2"/>` +
      `<text x="${key + 21}" y="28">${name}</text>`
    );
  });
  const parts = [...grid, ...epochs, ...lines].join('');
  return `<svg viewBox="0 0 ${width} ${height}" role="img"><title>${title}</title><text x="0" y="12">${title}</text>${parts}</svg>`;
}

/** Round numbers from 0 to at least `highest`: 1, 2 or 5 times a power of ten apart. */
function niceTicks(highest: number): number[] {
  const rough = Math.max(highest, 1e-6) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
  const count = Math.ceil(highest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}
