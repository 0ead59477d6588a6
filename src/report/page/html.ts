/** Markup, as opposed to text, which has yet to be escaped. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = string | number | undefined | Html | readonly Html[];

/**
 * A template of markup: values are escaped, for text and quoted attributes alike, unless they are
 * markup themselves; `undefined` leaves nothing.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.reduce((text, string, i) => text + markup(values[i - 1]) + string));
}

function markup(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
