import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

test('the example of docs/layers.md learns, and its saved network is the trained one', () => {
  const script = 'examples/own_network/train.js';
  const docs = readFileSync(path.join(root, 'docs/layers.md'), 'utf8');
  expect(docs).toContain(`node ${script}`);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'menet-own-network-'));
  try {
    const output = execFileSync(process.execPath, [script, folder], {
      cwd: root,
      encoding: 'utf8',
    });
    const losses = [...output.matchAll(/epoch \d+: loss ([\d.]+)/g)].map(([, loss]) =>
      Number(loss),
    );
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
    const [, trained] = /trained: (.*)/.exec(output)!;
    const [, loaded] = /loaded: (.*)/.exec(output)!;
    expect(loaded).toBe(trained);
    expect(Number(/accuracy (.*)/.exec(loaded!)![1])).toBeGreaterThan(0.25); // chance: 0.125
    expect(readdirSync(path.join(folder, 'model')).sort()).toEqual(['model.json', 'weights.bin']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
