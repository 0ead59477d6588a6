import { readFileSync } from 'node:fs';

/**
 * Names of a model's classes: the checkpoint's own where it has them, ImageNet's for a thousand
 * nameless ones, else their indices.
 */
export function classLabels(numClasses: number, names: readonly string[] | undefined): string[] {
  if (names?.length === numClasses) return [...names];
  if (numClasses === 1000) return imagenetLabels();
  return Array.from({ length: numClasses }, (_, index) => String(index));
}

/** ImageNet's labels where the classes are its thousand identifiers, else the classes as they are. */
export function readableClasses(classes: readonly string[]): readonly string[] {
  const identifiers = classes.length === 1000 && classes.every((name) => /^n\d{8}$/.test(name));
  return identifiers ? imagenetLabels() : classes;
}

function imagenetLabels(): string[] {
  const file = new URL('../config/imagenet/labels.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { labels: string[] }).labels;
}
