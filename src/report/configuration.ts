/** The fields of a configuration by their paths, `data.batch_size` for instance, as JSON shows them. */
export function flatten(configuration: unknown): Map<string, string> {
  const fields = new Map<string, string>();
  const visit = (name: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      fields.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    else
      for (const [key, inner] of Object.entries(value)) visit(name ? `${name}.${key}` : key, inner);
  };
  visit('', configuration);
  return fields;
}

/** A field in which configurations differ, with its value in each; undefined where one has none. */
export interface Difference {
  field: string;
  values: (string | undefined)[];
}

/** The fields in which some configurations differ. */
export function differences(configurations: readonly unknown[]): Difference[] {
  const flat = configurations.map(flatten);
  const fields = new Set(flat.flatMap((each) => [...each.keys()]));
  return [...fields]
    .map((field) => ({ field, values: flat.map((each) => each.get(field)) }))
    .filter(({ values }) => new Set(values).size > 1);
}
