/** A number in at most five digits, without trailing zeros; a dash for what is no number. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const text = String(Number(value.toPrecision(5)));
  return text.length > 7 ? value.toExponential().replace(/(\.\d{3})\d*/, '$1') : text;
}

const multiples = [
  { letter: 'G', size: 1e9 },
  { letter: 'M', size: 1e6 },
  { letter: 'k', size: 1e3 },
];

/** A round number in few characters, for beside an axis: `0.05`, `2000`, `20k`, `8M`, `2e12`. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  const multiple = multiples.find((unit) => unit.size <= size);
  if (multiple && size >= 1e4 && size < 1e12)
    return `${Number((value / multiple.size).toPrecision(4))}${multiple.letter}`;
  const text = String(value);
  return text.length > 6 ? value.toExponential().replace('+', '') : text;
}

/** With a fixed number of decimals; a dash for what is no number. */
export function fixed(value: number, decimals: number): string {
  return Number.isFinite(value) ? value.toFixed(decimals) : '–';
}

export function percent(value: number, decimals = 1): string {
  return Number.isFinite(value) ? `${value.toFixed(decimals)}\u00a0%` : '–';
}

const units = [
  { name: 'd', seconds: 86400 },
  { name: 'h', seconds: 3600 },
  { name: 'min', seconds: 60 },
  { name: 's', seconds: 1 },
];

/** Seconds in at most two units: `48 s`, `12 min 5 s`, `3 h`, `2 d 4 h`. */
export function duration(seconds: number): string {
  let left = Math.round(seconds);
  const parts = units.map(({ name, seconds: length }) => {
    const count = Math.floor(left / length);
    left -= count * length;
    return { count, text: `${count} ${name}` };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  if (first < 0) return '0 s';
  const shown = parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return shown.map(({ text }) => text).join(' ');
}

/** A time of this place as `2026-11-23 23:08:36`; client.js writes it alike. */
export function localTime(time: Date): string {
  const shifted = new Date(time.getTime() - 60_000 * time.getTimezoneOffset());
  return shifted.toISOString().slice(0, 19).replace('T', ' ');
}

/** `1 image`, `2 images` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
