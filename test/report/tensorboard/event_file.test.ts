import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/report/tensorboard/crc32c.js';
import { encodeEvent } from '../../../src/report/tensorboard/event.js';
import { pythonWith } from '../../python.js';
import { RunScript, temporaryFolder } from '../recorded_run.js';

/** The parts of tensorflow/core/util/event.proto and framework/summary.proto that are used. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message SessionLog {
    enum SessionStatus { STATUS_UNSPECIFIED = 0; START = 1; STOP = 2; CHECKPOINT = 3; }
    SessionStatus status = 1;
  }
  message Value { string tag = 1; float simple_value = 2; }
  message Summary { repeated Value value = 1; }
  message Event {
    double wall_time = 1;
    int64 step = 2;
    oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
  }`);
const eventType = root.lookupType('Event');

interface Decoded {
  wallTime: number;
  step: number;
  fileVersion?: string;
  summary?: { value: { tag: string; simpleValue: number }[] };
  sessionLog?: { status: string };
}

function decode(bytes: Uint8Array): Decoded {
  const message = eventType.decode(bytes);
  return eventType.toObject(message, { longs: Number, enums: String, defaults: false }) as Decoded;
}

const { folder, remove } = temporaryFolder();
afterAll(remove);

/** The records of a TFRecord file, whose lengths and checksums must be right. */
function readRecords(bytes: Buffer): Buffer[] {
  const mask = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(mask(crc32c(bytes.subarray(at, at + 8))));
    const record = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(mask(crc32c(record)));
    records.push(record);
    at += 12 + length + 4;
  }
  return records;
}

/** Two processes' files: the first was killed two steps after the checkpoint at step 7. */
beforeAll(async () => {
  const shape = { folder, classes: ['a', 'b'], epochs: 2, stepsPerEpoch: 5 };
  const killed = new RunScript(shape);
  await killed.start();
  killed.steps(0, 1, 5);
  await killed.epoch(0);
  killed.steps(1, 1, 4);
  await killed.recorder.end('interrupted');
  const resumed = new RunScript({ ...shape, learningRate: 0.7 });
  await resumed.start({ epoch: 1, step: 2, globalStep: 7 });
  resumed.steps(1, 3, 5);
  await resumed.epoch(1);
  await resumed.recorder.end('finished');
});

function eventsOf(index: number): Decoded[] {
  const files = readdirSync(folder).filter((name) => name.startsWith('events.out.tfevents.'));
  return readRecords(readFileSync(path.join(folder, files.sort()[index]!))).map(decode);
}

describe('the checksum', () => {
  it('is CRC-32C', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283); // the check value of its definition
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa); // RFC 3720, B.4
  });
});

describe('an event', () => {
  it.each([0, 127, 128, 300, 2 ** 31, 2 ** 40 + 1])('holds step %i', (step) => {
    expect(decode(encodeEvent({ wallTime: 1.5, step }))).toEqual({ wallTime: 1.5, step });
  });

  it('holds figures that are none', () => {
    const scalars = { a: NaN, 'ü/b': -Infinity };
    const { summary } = decode(encodeEvent({ wallTime: 0, step: 1, scalars }));
    expect(summary!.value).toEqual([
      { tag: 'a', simpleValue: NaN },
      { tag: 'ü/b', simpleValue: -Infinity },
    ]);
  });
});

describe('the events of a run', () => {
  it('begin with the version of their format, and drop what a resumed run does again', () => {
    const [version, start] = eventsOf(1);
    expect(version).toMatchObject({ fileVersion: 'brain.Event:2' });
    expect(start).toMatchObject({ step: 8, sessionLog: { status: 'START' } });
  });

  it('have the figures of steps and validations', () => {
    const scalars = eventsOf(0).filter(({ summary }) => summary);
    const tags = scalars.map(({ step, summary }) => [step, summary!.value.length]);
    expect(tags).toEqual([1, 2, 3, 4, 5, 5, 6, 7, 8, 9].map((step, i) => [step, i === 5 ? 3 : 7]));
    const found = Object.fromEntries(
      scalars[0]!.summary!.value.map(({ tag, simpleValue }) => [tag, simpleValue]),
    );
    expect(found).toMatchObject({ 'speed/step_ms': 21, 'speed/waited_ms': 2, 'top5/train': 100 });
    expect(found.learning_rate).toBeCloseTo(0.1, 6);
    expect(scalars[5]!.summary!.value.map(({ tag }) => tag)).toEqual([
      'loss/valid',
      'top1/valid',
      'top5/valid',
    ]);
    expect(Math.abs(scalars[0]!.wallTime - Date.now() / 1000)).toBeLessThan(600);
  });
});

const { python, skipped } = pythonWith('tensorboard');
const reader = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)]
                  for tag in events.Tags()['scalars']}))
`;

it.skipIf(!python)(`TensorBoard itself reads them${skipped}`, () => {
  const output = execFileSync(python!, ['-c', reader, folder], { encoding: 'utf8' });
  const scalars = JSON.parse(output) as Record<string, [number, number][]>;
  const rates = scalars.learning_rate!;
  expect(rates.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(rates.map(([, rate]) => rate.toFixed(2))).toEqual([
    ...Array<string>(7).fill('0.10'),
    ...Array<string>(3).fill('0.70'),
  ]);
  expect(scalars['loss/valid']!.map(([step]) => step)).toEqual([5, 10]);
  expect(Object.keys(scalars)).toHaveLength(10);
});
