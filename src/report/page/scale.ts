/** Where values are on an axis, and the values that are marked on it. */
export interface Scale {
  ticks: readonly number[];
  /** Place of a value: 0 at the axis' beginning, 1 at its end. */
  place(value: number): number;
}

/** Round marks (1, 2 or 5 times a power of ten apart) from `low` to at least `highest`. */
export function roundedScale(low: number, highest: number): Scale {
  const step = roundStep(Math.max(highest - low, 1e-9) / 5);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(highest / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => tidy((first + i) * step));
  return { ticks, place: (value) => (value / step - first) / (last - first) };
}

/** From 0 to `highest` exactly, marked at round values. */
export function exactScale(highest: number): Scale {
  const step = roundStep(highest / 6);
  const count = Math.floor(highest / step + 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) => tidy(i * step));
  return { ticks, place: (value) => value / highest };
}

/** Powers of ten around positive values. */
export function logarithmicScale(lowest: number, highest: number): Scale {
  const from = Math.floor(Math.log10(lowest) + 1e-9);
  const to = Math.max(from + 1, Math.ceil(Math.log10(highest) - 1e-9));
  const every = Math.ceil((to - from) / 6); // decades
  const count = Math.floor((to - from) / every) + 1;
  const ticks = Array.from({ length: count }, (_, i) => tidy(10 ** (to - i * every)));
  return { ticks, place: (value) => (Math.log10(value) - from) / (to - from) };
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))!;
}

/** Without the last digits' rounding errors. */
function tidy(value: number): number {
  return Number(value.toPrecision(6));
}
