import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const shared = process.env.MENET_SHARED ?? path.resolve(import.meta.dirname, '../../../shared');

export const hasReference = existsSync(path.join(shared, 'expected'));
export const skipped = hasReference ? '' : ' (skipped: no reference data)';

export function sharedFile(name: string): string {
  return path.join(shared, name);
}

export function expected<T>(name: string): T {
  return JSON.parse(readFileSync(sharedFile(`expected/${name}`), 'utf8')) as T;
}
