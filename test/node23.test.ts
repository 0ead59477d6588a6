import util from 'node:util';
import { expect, test } from 'vitest';

test('what tfjs-node 4.22 calls of node:util is there, on any Node', async () => {
  const functions = util as unknown as Record<string, (value: unknown) => boolean>;
  delete functions.isNullOrUndefined; // as Node 23 has it
  delete functions.isArray;
  await import('../src/node23.js');
  expect([null, undefined, 0].map((value) => functions.isNullOrUndefined!(value))).toEqual([
    true,
    true,
    false,
  ]);
  expect(functions.isArray!([])).toBe(true);
});
