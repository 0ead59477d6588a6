import { short, tickLabel } from './format.js';
import { html, type Html } from './html.js';
import { exactScale, logarithmicScale, roundedScale, type Scale } from './scale.js';

/** `x` in epochs. */
export interface Point {
  x: number;
  y: number;
}

/** A line of a chart. */
export interface Series {
  name: string;
  points: readonly Point[];
  /** Of the page's palette, from 1. */
  color: number;
  /** Drawn thin, behind the others, which then decide what the axis shows. */
  faint?: boolean;
}

export interface Chart {
  /** Of the element; unique in the page. */
  id: string;
  title: string;
  /** Of the values, with a space before it where one belongs. */
  unit?: string;
  series: readonly Series[];
  /** Where values may span some powers of ten. */
  logarithmic?: boolean;
}

const width = 400;
const height = 240;
const plot = { left: 50, right: width - 14, top: 12, bottom: height - 28 };
const mostPoints = 400;
const mostMarkers = 40;

/** A line chart over epochs, with a legend; the values show where the pointer is (client.js). */
export function lineChart(chart: Chart): Html {
  const series = chart.series
    .map((line) => ({ ...line, points: thin(line.points.filter(isDrawable(chart))) }))
    .filter(({ points }) => points.length > 0);
  if (series.length === 0) return figure(chart, [], html`<p class="soft">Nothing yet.</p>`);
  const axes = { x: epochScale(series), y: valueScale(series, chart.logarithmic ?? false) };
  const lines = [...series]
    .sort(faintFirst)
    .map((line) => polyline(line, axes, `${chart.id}-frame`));
  const drawing = html`<svg
    id="${chart.id}"
    class="plot"
    viewBox="0 0 ${width} ${height}"
    role="img"
    tabindex="0"
    aria-label="${describe(chart, series)}"
    data-unit="${chart.unit}"
  >
    ${grid(axes)} ${frame(`${chart.id}-frame`)} ${lines}
  </svg>`;
  return figure(chart, series, drawing);
}

function figure({ title, unit }: Chart, series: readonly Series[], drawing: Html): Html {
  const keys = series.map(
    ({ name, color, faint }) =>
      html`<li><span class="key c${color} ${faint ? 'faint' : ''}"></span>${name}</li>`,
  );
  return html`<figure class="card chart">
    <figcaption>
      <h3>${title}${unit ? `, ${unit.trim()}` : ''}</h3>
      <ul class="legend">
        ${keys}
      </ul>
    </figcaption>
    ${drawing}
  </figure>`;
}

interface Axes {
  x: Scale;
  y: Scale;
}

function grid({ x, y }: Axes): Html[] {
  return [
    ...y.ticks.map((tick) => {
      const at = yOf(tick, y);
      return html`<line x1="${plot.left}" x2="${plot.right}" y1="${at}" y2="${at}" />
        <text x="${plot.left - 6}" y="${at + 4}" text-anchor="end">${tickLabel(tick)}</text>`;
    }),
    ...x.ticks.map(
      (tick) =>
        html`<text x="${xOf(tick, x)}" y="${height - 9}" text-anchor="middle"
          >${tickLabel(tick)}</text
        >`,
    ),
    html`<text x="${plot.left - 6}" y="${height - 9}" text-anchor="end">epoch</text>`,
  ];
}

/** What lines are clipped to: values off the axis end at its ends, but for half a line's width. */
function frame(id: string): Html {
  const [frameWidth, frameHeight] = [plot.right - plot.left + 2, plot.bottom - plot.top + 2];
  return html`<clipPath id="${id}">
    <rect x="${plot.left - 1}" y="${plot.top - 1}" width="${frameWidth}" height="${frameHeight}" />
  </clipPath>`;
}

function isInFrame({ y }: { y: number }): boolean {
  return y >= plot.top && y <= plot.bottom;
}

function polyline({ name, points, color, faint }: Series, { x, y }: Axes, clip: string): Html {
  const places = points.map((point) => ({ x: xOf(point.x, x), y: yOf(point.y, y) }));
  const markers = faint || points.length > mostMarkers ? [] : places.filter(isInFrame);
  return html`<polyline
      class="c${color} ${faint ? 'faint' : ''}"
      clip-path="url(#${clip})"
      points="${places.map((at) => `${at.x},${at.y}`).join(' ')}"
      data-name="${name}"
      data-x="${points.map((point) => short(point.x)).join(' ')}"
      data-y="${points.map((point) => short(point.y)).join(' ')}"
    />
    ${markers.map((at) => html`<circle class="c${color}" cx="${at.x}" cy="${at.y}" r="2.6" />`)}`;
}

function xOf(value: number, scale: Scale): number {
  return tenths(plot.left + (plot.right - plot.left) * scale.place(value));
}

function yOf(value: number, scale: Scale): number {
  return tenths(plot.bottom + (plot.top - plot.bottom) * scale.place(value));
}

function tenths(value: number): number {
  return Math.round(10 * value) / 10;
}

function epochScale(series: readonly Series[]): Scale {
  const last = Math.max(...series.map(({ points }) => points.at(-1)!.x));
  return exactScale(last > 0 ? last : 1);
}

/** The first steps can be far off what matters later: epochs decide where there are some. */
function valueScale(series: readonly Series[], logarithmic: boolean): Scale {
  const strong = series.filter(({ faint, points }) => !faint && points.length > 1);
  const deciding = strong.length > 0 ? strong : series;
  const values = deciding.flatMap(({ points }) => points.map(({ y }) => y));
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  return logarithmic && highest > 20 * lowest
    ? logarithmicScale(lowest, highest)
    : roundedScale(Math.min(0, lowest), highest);
}

function isDrawable({ logarithmic }: Chart) {
  return ({ y }: Point) => Number.isFinite(y) && (!logarithmic || y > 0);
}

/** At most so many points as a screen can show: means of neighbours. */
function thin(points: readonly Point[]): Point[] {
  const group = Math.ceil(points.length / mostPoints);
  if (group <= 1) return [...points];
  return Array.from({ length: Math.ceil(points.length / group) }, (_, i) => {
    const part = points.slice(i * group, (i + 1) * group);
    return { x: part.at(-1)!.x, y: part.reduce((sum, { y }) => sum + y, 0) / part.length };
  });
}

function faintFirst(a: Series, b: Series): number {
  return Number(b.faint ?? false) - Number(a.faint ?? false);
}

/** In words, for those who do not see it. */
function describe({ title, unit = '' }: Chart, series: readonly Series[]): string {
  const parts = series.map(
    ({ name, points }) =>
      `${name} from ${short(points[0]!.y)}${unit} to ${short(points.at(-1)!.y)}${unit}`,
  );
  return `${title}: ${parts.join('; ')}`;
}
