/**
 * Makes tfjs-node 4.22 run on Node 23 and later: it calls functions of `node:util` that are gone.
 * To be imported before it: `import 'menet/node23'`.
 */
import util from 'node:util';

const removed = {
  isArray: Array.isArray,
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
};

for (const [name, value] of Object.entries(removed))
  if (!(name in util)) Object.defineProperty(util, name, { value, configurable: true });
