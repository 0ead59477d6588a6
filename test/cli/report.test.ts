import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/report/comparison.js';
import { readLog } from '../../src/report/log_file.js';
import { makeTinyRun } from '../train/tiny_run.js';
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
    await (i === 0 ? script.recorder.end('finished') : script.recorder.end('failed', 'disk full'));
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
      {
        run: 'b',
        outcome: 'failed',
        reason: 'disk full',
        epochs: 2,
        total_epochs: 3,
        last: { epoch: 2 },
      },
    ]);
    expect(differences).toEqual([{ field: 'seed', values: ['0', '1'] }]);
  });

  it('tells runs of the same name apart', async () => {
    const { stdout } = await runMenet(['report', runs[0]!, `${folder}/./a`, runs[1]!, '--json']);
    const { runs: figures } = JSON.parse(stdout) as Comparison;
    expect(figures.map(({ run }) => run)).toEqual([runs[0], runs[0], 'b']);
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

describe('a run that is killed and resumed', () => {
  it('has every step and epoch once, and its checkpoint can be looked into', async () => {
    const tiny = await makeTinyRun();
    const out = path.join(tiny.folder, 'runs');
    const files = [
      ...['--data', tiny.data],
      ...['--model', tiny.model],
      ...['--sched', tiny.sched],
    ];
    const args = ['train', ...files, '--optim', tiny.optim, '--out', out, '--label', 'killed'];
    const log = path.join(out, 'killed', 'log.jsonl');
    const killed = await runMenet([...args, '--print-freq', '1'], (output, child) => {
      if (/train 2\/2 +2\/3/.test(output)) child.kill('SIGKILL');
    });
    expect(killed.code).toBeNull();
    writeFileSync(log, `${readFileSync(log, 'utf8')}{"type":"step","ti`); // cut off by the crash
    expect(await runMenet([...args, '--resume'])).toMatchObject({ code: 0 });
    const records = await readLog(log);
    const steps = records.filter(({ type }) => type === 'step');
    expect(steps.map(({ global_step }) => global_step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(records.filter(({ type }) => type === 'epoch')).toHaveLength(2);
    expect(records.at(-1)).toMatchObject({ type: 'end', outcome: 'finished' });
    const rows = readFileSync(path.join(out, 'killed', 'epochs.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(rows.map((row) => row.split(',')[0])).toEqual(['epoch', '1', '2']);
    const page = path.join(tiny.folder, 'details.html');
    const checkpoint = path.join(out, 'killed', 'best.safetensors');
    const evaluated = await runMenet([
      ...['evaluate', '--data', tiny.data, '--model', tiny.model, '--checkpoint', checkpoint],
      ...['--details', page, '--json'],
    ]);
    expect(evaluated.code).toBe(0);
    expect(JSON.parse(evaluated.stdout)).not.toHaveProperty('details');
    expect(readFileSync(page, 'utf8').match(/<th scope="row">/g)).toHaveLength(8);
    tiny.remove();
  });
});

function curves(page: string): string[] {
  return page.match(/<polyline[^>]*>/g) ?? [];
}
