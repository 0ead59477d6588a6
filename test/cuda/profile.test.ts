import { expect, test } from 'vitest';
import { native } from '../../src/native.js';

const door = native();

test('a profile has the time of each kernel and the bytes of its buffers', () => {
  const upload = (count: number) => {
    const id = door.allocate(count * 4, 'cuda:0');
    door.write(id, new Float32Array(count).fill(1));
    return { id, shape: [count], dtype: 'float32' as const };
  };
  const x = upload(64_000);
  const y = upload(64_000);
  const run = () => door.free(door.run('Add', [x, y])[0]!.id);
  run();
  door.startProfile('cuda:0');
  for (let i = 0; i < 3; i++) run();
  const kernels = door.finishProfile('cuda:0');
  expect(kernels).toEqual([
    {
      op: 'Add',
      kernel: expect.stringMatching(/^\w/),
      launches: 3,
      milliseconds: expect.any(Number),
      bytes: 3 * 3 * 64_000 * 4, // two are read and one is written
    },
  ]);
  expect(kernels[0]!.milliseconds).toBeGreaterThan(0);
  run();
  expect(door.finishProfile('cuda:0')).toEqual([]);
  for (const { id } of [x, y]) door.free(id);
});

test('the CPU has no profile', () => {
  door.startProfile('cpu');
  expect(door.finishProfile('cpu')).toEqual([]);
});
