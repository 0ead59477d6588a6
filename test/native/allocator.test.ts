import { beforeEach, expect, test } from 'vitest';
import { native } from '../../src/native.js';
import { sanitized } from '../sanitized.js';

const door = native();
const mebibyte = 2 ** 20;

beforeEach(() => door.releaseCache());

test('statistics follow allocations and frees', () => {
  const before = door.memory();
  const a = door.allocate(1000);
  const b = door.allocate(1);
  const held = door.memory();
  expect(held.bytesInUse - before.bytesInUse).toBe(1024 + 64); // whole cache lines
  expect(held.allocations - before.allocations).toBe(2);
  expect(held.buffers - before.buffers).toBe(2);
  door.free(a);
  door.free(b);
  expect(door.memory()).toMatchObject({ bytesInUse: before.bytesInUse, buffers: before.buffers });
});

test('the peak stays until it is reset', () => {
  door.resetPeak();
  const { bytesInUse } = door.memory();
  door.free(door.allocate(mebibyte));
  expect(door.memory().peakBytesInUse).toBe(bytesInUse + mebibyte);
  door.resetPeak();
  expect(door.memory().peakBytesInUse).toBe(bytesInUse);
});

test.skipIf(sanitized)('a second identical round asks the system for nothing', () => {
  const round = () => {
    const ids = Array.from({ length: 200 }, (_, i) => door.allocate((i * 7919) % (3 * mebibyte)));
    // Every other one first, so that neighbours must be merged.
    for (const half of [0, 1]) ids.filter((_, i) => i % 2 === half).forEach((id) => door.free(id));
  };
  round();
  const first = door.memory();
  expect(first.bytesReserved).toBeGreaterThan(100 * mebibyte);
  round();
  const second = door.memory();
  expect(second.allocations - first.allocations).toBe(200);
  expect(second.systemAllocations).toBe(first.systemAllocations);
  expect(second.bytesReserved).toBe(first.bytesReserved);
});

test.skipIf(sanitized)('freed neighbours become one block again', () => {
  const size = 8 * mebibyte;
  const whole = door.allocate(size);
  door.free(whole);
  const { systemAllocations } = door.memory();
  const parts = Array.from({ length: 64 }, () => door.allocate(size / 64));
  parts.forEach((id) => door.free(id));
  door.free(door.allocate(size));
  expect(door.memory().systemAllocations).toBe(systemAllocations);
});

test('releaseCache() gives back what is not in use', () => {
  const { bytesReserved } = door.memory();
  const id = door.allocate(20 * mebibyte);
  door.releaseCache();
  expect(door.memory().bytesReserved).toBeGreaterThanOrEqual(bytesReserved + 20 * mebibyte);
  door.free(id);
  door.releaseCache();
  expect(door.memory().bytesReserved).toBe(bytesReserved);
});

test('more than there is fails with a message, and nothing is lost', () => {
  const before = door.memory();
  expect(() => door.allocate(2 ** 50)).toThrow(/^allocate: expected \d+ bytes of free memory/);
  expect(door.memory()).toMatchObject({ bytesInUse: before.bytesInUse, buffers: before.buffers });
});

test('what is left of a block that was given back in part can be used again', () => {
  const small = door.allocate(100);
  for (let round = 0; round < 3; round++) {
    door.free(door.allocate(10 * mebibyte));
    door.releaseCache();
    expect(door.memory().bytesReserved).toBeLessThan(10 * mebibyte);
  }
  door.free(small);
});
