import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/report/comparison.js';
import { RunScript, temporaryFolder } from '../report/recorded_run.js';
import { runMenet } from './run_menet.js';

const { folder, remove } = temporaryFolder();
afterAll(remove);
const runs = ['a', 'b'].map((name) => path.join(folder, name));

beforeAll(async () => {
  for (const [i, run] of runs.entries()) {
    const shape = { folder: run, classes: ['x', 'y'], epochs: 2 + i, stepsPerEpoch: 3 };
    const script = new RunScript(shape);
    await script.start();
    for (let epoch = 0; epoch < 2; epoch++) {
      script.steps(epoch, 1, 3);
      await script.epoch(epoch);
    }
    await script.recorder.end(i === 0 ? 'finished' : 'interrupted');
    writeFileSync(path.join(run, 'config.json'), JSON.stringify({ seed: i, model: { a: [1] } }));
  }
});

describe('menet report', () => {
  it('compares runs as JSON', async () => {
    const { code, stdout } = await runMenet(['report', ...runs, '--json']);
    expect(code).toBe(0);
    const { runs: figures, differences } = JSON.parse(stdout) as Comparison;
    expect(figures).toMatchObject([
      { run: 'a', outcome: 'finished', epochs: 2, total_epochs: 2, best: { epoch: 2 } },
      { run: 'b', outcome: 'interrupted', epochs: 2, total_epochs: 3, last: { epoch: 2 } },
    ]);
    expect(differences).toEqual([{ field: 'seed', values: ['0', '1'] }]);
  });

  it('writes a page of several, and of one the page that training wrote', async () => {
    const page = path.join(folder, 'page.html');
    const compared = await runMenet(['report', ...runs, '--out', page]);
    expect(compared).toMatchObject({ code: 0, stdout: `${page}\n` });
    expect(readFileSync(page, 'utf8')).toContain('<h1>2 runs</h1>');
    const own = path.join(runs[0]!, 'report.html');
    const before = readFileSync(own, 'utf8');
    writeFileSync(own, '');
    expect(await runMenet(['report', runs[0]!])).toMatchObject({ code: 0, stdout: `${own}\n` });
    expect(curves(readFileSync(own, 'utf8'))).toEqual(curves(before));
    expect(curves(before)).toHaveLength(3 * 3 + 3); // three charts of steps, training and validation
  });

  it.each([
    ['no folder', 'nowhere', /nowhere: expected the folder of a run, got nothing there$/],
    ['no run', '.', /expected the folder of a run, got no log\.jsonl there$/],
  ])('refuses %s with one line', async (_, name, message) => {
    const { code, stderr } = await runMenet(['report', runs[0]!, path.join(folder, name)]);
    expect(code).toBe(2);
    expect(stderr.trim()).toMatch(message);
    expect(stderr.trim()).not.toContain('\n');
    expect(existsSync('comparison.html')).toBe(false);
  });

  it('refuses a page that cannot be written, and no runs', async () => {
    const page = path.join(folder, 'none', 'page.html');
    const { code, stderr } = await runMenet(['report', ...runs, '--out', page]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(page)]);
    expect((await runMenet(['report'])).code).toBe(2);
  });
});

function curves(page: string): string[] {
  return page.match(/<polyline[^>]*>/g) ?? [];
}
