import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readLog } from '../../src/report/log_file.js';
import { readSnapshot } from '../../src/report/validation_snapshot.js';
import { madeUpDetails, makePictures, RunScript, temporaryFolder } from './recorded_run.js';

const { folder, remove } = temporaryFolder();
afterAll(remove);

const shape = { classes: ['a', 'b', 'c'], epochs: 3, stepsPerEpoch: 5 };
const inRun = (name: string, file: string) => path.join(folder, name, file);

async function recordEpochs(run: RunScript, from: number, to: number): Promise<void> {
  for (let epoch = from; epoch < to; epoch++) {
    run.steps(epoch, 1, run.run.stepsPerEpoch);
    await run.epoch(epoch, madeUpDetails(run.run.classes.length, []));
  }
}

describe('a recorded run', () => {
  it('has figures of steps and epochs in its log', async () => {
    const run = new RunScript({ folder: path.join(folder, 'log'), ...shape });
    await run.start();
    await recordEpochs(run, 0, 3);
    await run.recorder.end('finished');
    const records = await readLog(inRun('log', 'log.jsonl'));
    expect(records[0]).toMatchObject({ type: 'start', epochs: 3, steps_per_epoch: 5, step: 0 });
    expect(records[2]).toMatchObject({
      ...{ type: 'step', epoch: 0, step: 2, global_step: 2, steps: 1, images: 16 },
      ...{ learning_rate: 0.1, milliseconds: 22, waited: 1, top5: 100 },
      images_per_second: 16_000 / 22,
    });
    expect(records[6]).toMatchObject({
      ...{ type: 'epoch', epoch: 0, global_step: 5, seconds: 4, best: true },
      images_per_second: (1000 * 5 * 16) / 106,
      waited: (100 * 8) / 106,
    });
    expect(records.at(-1)).toMatchObject({ type: 'end', outcome: 'finished', global_step: 15 });
    expect(run.messages).toEqual([]);
  });

  it('sums up the steps of long epochs', async () => {
    const long = { ...shape, epochs: 1, stepsPerEpoch: 450 };
    const run = new RunScript({ folder: path.join(folder, 'long'), ...long });
    await run.start();
    await recordEpochs(run, 0, 1);
    await run.recorder.end('finished');
    const records = await readLog(inRun('long', 'log.jsonl'));
    const steps = records.filter((record) => record.type === 'step');
    expect(steps).toHaveLength(150);
    expect(steps[1]).toMatchObject({ step: 6, steps: 3, images: 48, milliseconds: 21 });
  });

  it('has the steps of a checkpoint in its files before there is one', async () => {
    const long = { ...shape, epochs: 1, stepsPerEpoch: 450 }; // a record sums up three steps
    const run = new RunScript({ folder: path.join(folder, 'flushed'), ...long });
    await run.start();
    run.steps(0, 1, 4);
    await run.recorder.flush();
    const steps = (await readLog(inRun('flushed', 'log.jsonl'))).slice(1);
    expect(steps.map(({ global_step }) => global_step)).toEqual([3, 4]);
    const [events] = readdirSync(path.join(folder, 'flushed')).filter((n) => /tfevents/.test(n));
    const bytes = readFileSync(inRun('flushed', events!), 'latin1');
    expect(bytes.match(/loss\/train/g)).toHaveLength(2);
    await run.recorder.end('interrupted');
  });

  it('has a page that follows it within an epoch', async () => {
    const run = new RunScript({ folder: path.join(folder, 'page'), ...shape });
    await run.start();
    for (const step of [1, 2]) {
      run.steps(0, step, step);
      await expect
        .poll(() => readFileSync(inRun('page', 'report.html'), 'utf8'), { timeout: 20_000 })
        .toContain(`step ${step}<`);
    }
    await run.recorder.end('interrupted');
  });

  it('has a row per epoch in its CSV', async () => {
    const [header, ...rows] = readFileSync(inRun('log', 'epochs.csv'), 'utf8').trim().split('\n');
    expect(header).toBe(
      'epoch,global_step,learning_rate,train_loss,train_top1,train_top5,' +
        'valid_loss,valid_top1,valid_top5,seconds,images_per_second,waited,best,time',
    );
    expect(rows.map((row) => row.split(',').slice(0, 3).join())).toEqual([
      '1,5,0.1',
      '2,10,0.1',
      '3,15,0.1',
    ]);
  });

  it('keeps the last validation with small pictures', async () => {
    const pictures = await makePictures(path.join(folder, 'pictures'), 2);
    const run = new RunScript({ folder: path.join(folder, 'pictured'), ...shape });
    await run.start();
    run.steps(0, 1, 5);
    await run.epoch(0, madeUpDetails(3, [...pictures, path.join(folder, 'gone.png')]));
    await run.recorder.end('interrupted');
    const snapshot = await readSnapshot(inRun('pictured', 'validation.json'));
    expect(snapshot!.classes).toEqual(shape.classes);
    expect(snapshot!.confusion).toContainEqual([1, 2, 2]);
    const jpegs = snapshot!.worst.map(({ jpeg }) => (jpeg ? Buffer.from(jpeg, 'base64') : null));
    expect(jpegs[0]!.subarray(0, 2).toString('hex')).toBe('ffd8');
    expect(jpegs[0]!.length).toBeLessThan(4000);
    expect(jpegs[2]).toBeNull();
    expect(run.messages).toEqual([]);
  });
});

describe('a resumed run', () => {
  it('has every step and epoch once, whatever was recorded after its checkpoint', async () => {
    const name = 'resumed';
    const killed = new RunScript({ folder: path.join(folder, name), ...shape });
    await killed.start();
    await recordEpochs(killed, 0, 2);
    killed.steps(2, 1, 2); // its last checkpoint is of the third step of the second epoch
    await killed.recorder.end('interrupted');
    const resumed = new RunScript({ folder: path.join(folder, name), ...shape });
    await resumed.start({ epoch: 1, step: 3, globalStep: 8 });
    expect(await readSnapshot(inRun(name, 'validation.json'))).toBeUndefined();
    resumed.steps(1, 4, 5);
    await resumed.epoch(1);
    await recordEpochs(resumed, 2, 3);
    await resumed.recorder.end('finished');

    const records = await readLog(inRun(name, 'log.jsonl'));
    const steps = records.filter(({ type }) => type === 'step');
    expect(steps.map((record) => record.global_step)).toEqual(
      Array.from({ length: 15 }, (_, i) => i + 1),
    );
    const epochs = records.filter((record) => record.type === 'epoch');
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    const rows = readFileSync(inRun(name, 'epochs.csv'), 'utf8').trim().split('\n');
    expect(rows.slice(1).map((row) => row.split(',')[0])).toEqual(['1', '2', '3']);
    expect(readdirSync(path.join(folder, name)).filter((n) => n.includes('tfevents'))).toHaveLength(
      2,
    );
  });

  it('takes over epochs that only the checkpoint knows', async () => {
    const run = new RunScript({ folder: path.join(folder, 'adopted'), ...shape });
    await run.start({ epoch: 2, step: 0, globalStep: 10 });
    await run.recorder.end('interrupted');
    const records = await readLog(inRun('adopted', 'log.jsonl'));
    const epochs = records.filter((record) => record.type === 'epoch');
    expect(epochs.map(({ epoch, global_step }) => [epoch, global_step])).toEqual([
      [0, 5],
      [1, 10],
    ]);
    expect(epochs[0]!.images_per_second).toBeNaN();
  });
});

it('goes on where nothing can be written, and says so once per file', async () => {
  const blocked = path.join(folder, 'blocked');
  for (const name of ['log.jsonl', 'epochs.csv', 'report.html', 'validation.json'])
    mkdirSync(path.join(blocked, name, 'in the way'), { recursive: true });
  const run = new RunScript({ folder: blocked, ...shape });
  await run.start();
  await recordEpochs(run, 0, 3);
  await run.recorder.end('finished');
  for (const name of ['epochs.csv', 'report.html', 'validation.json']) {
    const about = run.messages.filter((line) => line.startsWith(path.join(blocked, name)));
    expect(about).toHaveLength(1);
    expect(about[0]).toMatch(/training goes on without it$/);
  }
  expect(run.messages.filter((line) => line.includes('log.jsonl'))).toEqual([
    expect.stringMatching(/log\.jsonl: begun anew/),
    expect.stringMatching(/log\.jsonl: cannot be written \(EISDIR\)/),
    expect.stringMatching(/log\.jsonl: 20 records could not be written/),
  ]);
});

it('begins anew where the validation before is another file', async () => {
  const name = 'foreign';
  mkdirSync(path.join(folder, name));
  writeFileSync(inRun(name, 'validation.json'), '{"epoch": "first"}');
  const run = new RunScript({ folder: path.join(folder, name), ...shape });
  await run.start({ epoch: 1, step: 0, globalStep: 5 });
  await run.recorder.end('interrupted');
  expect(await readSnapshot(inRun(name, 'validation.json'))).toBeUndefined();
  rmSync(path.join(folder, name), { recursive: true });
});
