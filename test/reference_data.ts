import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';

/** Folder of reference data beside the checkout, or where MENET_SHARED says. */
const root = process.env.MENET_SHARED ?? path.resolve(import.meta.dirname, '../../shared');

/** Path of a file of reference data, as `expected/networks.json`. */
export function referenceFile(name: string): string {
  return path.join(root, name);
}

/** `describe`, skipped with the reason in its title where there is no reference data. */
export function describeWithReference(title: string, body: () => void): void {
  if (existsSync(root)) describe(title, body);
  else describe.skip(`${title} (skipped: no reference data)`, body);
}
