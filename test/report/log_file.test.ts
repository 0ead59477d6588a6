import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { cutLog, readLog } from '../../src/report/log_file.js';
import { RunScript, temporaryFolder } from './recorded_run.js';

const { folder, remove } = temporaryFolder();
afterAll(remove);
const file = path.join(folder, 'run', 'log.jsonl');
let text: string;
let lines: string[];

beforeAll(async () => {
  const run = new RunScript({
    folder: path.dirname(file),
    classes: ['a', 'b'],
    epochs: 2,
    stepsPerEpoch: 4,
  });
  await run.start();
  for (const epoch of [0, 1]) {
    run.steps(epoch, 1, 4);
    await run.epoch(epoch);
  }
  await run.recorder.end('finished');
  text = readFileSync(file, 'utf8');
  lines = text.trimEnd().split('\n');
});

describe('reading a log', () => {
  it('gives every record', async () => {
    const types = (await readLog(file)).map(({ type }) => type);
    const epoch = ['step', 'step', 'step', 'step', 'epoch'];
    expect(types).toEqual(['start', ...epoch, ...epoch, 'end']);
  });

  it('tolerates a last line that is cut off, wherever', async () => {
    const cut = path.join(folder, 'cut.jsonl');
    const last = lines.at(-1)!.length + 1;
    for (let left = 0; left < last; left++) {
      writeFileSync(cut, text.slice(0, text.length - last + left));
      expect(await readLog(cut)).toHaveLength(lines.length - 1);
    }
  });

  it.each([
    ['no such file', undefined, /cannot read it \(ENOENT\)$/],
    ['another kind of text', 'epoch,loss\n1,2\n', /line 1: expected a record of a run as JSON/],
    ['other JSON lines', '{"a": 1}\n', /line 1: field type: expected .*, got nothing$/],
    ['a number', '1\n', /line 1: expected .*, got 1$/],
    [
      'the middle of a log',
      '{"type":"end","time":"2026-01-01T00:00:00Z","global_step":1,"outcome":"finished"}\n',
      /line 1: field type: expected "start", got "end"$/,
    ],
    ['a wrong field', `{"type":"start","time":"yesterday"}\n`, /line 1: field time: expected/],
  ])('refuses %s with one line', async (name, content, message) => {
    const foreign = path.join(folder, `${name}.jsonl`);
    if (content !== undefined) writeFileSync(foreign, content);
    const error = await readLog(foreign).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message.startsWith(foreign)).toBe(true);
    expect((error as Error).message).not.toContain('\n');
  });
});

describe('cutting a log', () => {
  const cut = path.join(folder, 'resumed.jsonl');

  async function keep(content: string, point: { epoch: number; globalStep: number }) {
    writeFileSync(cut, content);
    const { records, size } = await cutLog(cut, point);
    const left = readFileSync(cut).subarray(0, size).toString();
    expect(left).toBe(left && `${left.trimEnd()}\n`);
    return { left, records };
  }

  it('keeps what happened up to the checkpoint', async () => {
    const { left, records } = await keep(text, { epoch: 1, globalStep: 6 });
    expect(left).toBe(lines.slice(0, 8).join('\n') + '\n');
    expect(records.at(-1)).toMatchObject({ type: 'step', global_step: 6 });
  });

  it('drops the end of an epoch that the checkpoint has not finished', async () => {
    const { records } = await keep(text, { epoch: 0, globalStep: 4 });
    expect(records.map(({ type }) => type)).toEqual(['start', 'step', 'step', 'step', 'step']);
  });

  it('drops everything for a run that begins anew', async () => {
    expect((await keep(text, { epoch: 0, globalStep: 0 })).left).toBe('');
  });

  it('drops lines that are no records', async () => {
    const damaged = [lines[0], '{"type":"st', lines[1], 'x', ...lines.slice(2), ''].join('\n');
    const { left } = await keep(damaged, { epoch: 2, globalStep: 8 });
    expect(left).toBe(text);
  });

  it('begins a log where there is none', async () => {
    const missing = path.join(folder, 'missing.jsonl');
    expect(await cutLog(missing, { epoch: 1, globalStep: 4 })).toEqual({ records: [], size: 0 });
    expect(existsSync(missing)).toBe(false);
  });
});
