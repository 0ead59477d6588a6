import { statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** With CUDA for sm_90 alone, as CI builds it; all architectures are twice that. */
const mostBytes = 16 * 2 ** 20;

test('the addon keeps to its budget', () => {
  const addon = path.resolve(import.meta.dirname, '../../build/Release/menet.node');
  expect(statSync(addon).size).toBeLessThan(mostBytes);
});
