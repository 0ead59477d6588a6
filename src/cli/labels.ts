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

function imagenetLabels(): string[] {
  const file = new URL('../../config/imagenet/labels.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { labels: string[] }).labels;
}
