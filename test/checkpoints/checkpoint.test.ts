import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { InputError } from '../../src/errors.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

const read = (name: string) => readCheckpoint(referenceFile(`checkpoints/${name}`));

describeWithReference('reference checkpoints', () => {
  test.each(['tiny-a.legacy.pth.tar', 'tiny-a.zip.pth.tar'])('%s is tiny-a', async (name) => {
    const { tensors, metadata } = await read(name);
    const weights = await read('tiny-a.safetensors');
    const momenta = await read('tiny-a.momentum.safetensors');
    const expected = new Map(weights.tensors);
    for (const [of, tensor] of momenta.tensors) expected.set(`optimizer.momentum.${of}`, tensor);
    for (const of of tensors.keys()) if (of.endsWith('num_batches_tracked')) tensors.delete(of);
    // Bit for bit, names in the order of the state_dict.
    expect(tensors).toEqual(expected);
    expect([...tensors.keys()]).toEqual([...expected.keys()]);
    expect(Object.keys(metadata)).toEqual(['model_name', 'optimizer', 'last_epoch', 'best_prec1']);
    expect(metadata).toMatchObject({ model_name: 'menet', last_epoch: 4, best_prec1: 12.5 });
    const { state, param_groups } = metadata.optimizer as { state: object; param_groups: object[] };
    expect(state).toEqual({});
    expect(param_groups).toMatchObject([
      { lr: 0.1, momentum: 0.9, nesterov: true, params: [...momenta.tensors.keys()] },
    ]);
  });

  test('the published 108-MENet has the names and shapes of the network', async () => {
    const { tensors, metadata } = await read('108-MENet-8x1-group-3.pth.tar');
    const networks = JSON.parse(
      await readFile(referenceFile('expected/networks.json'), 'utf8'),
    ) as Record<string, { state: Record<string, number[]> }>;
    const { state } = networks['108-MENet-8x1-group-3']!;
    const shapes = [...tensors].map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual(Object.entries(state));
    for (const { data } of tensors.values()) {
      expect(data).toBeInstanceOf(Float32Array);
      expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    }
    expect(metadata).toEqual({ name: '108-MENet-8x1-group-3' });
  });
});

test('a file that is not there, or no file', async () => {
  const missing = path.join(tmpdir(), 'menet-no-such-file');
  await expect(readCheckpoint(missing)).rejects.toThrow(InputError);
  await expect(readCheckpoint(missing)).rejects.toThrow(
    `${missing}: expected a readable file, got no such file`,
  );
  await expect(readCheckpoint(tmpdir())).rejects.toThrow('got a folder');
});

test('a file too large to read', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'menet-checkpoint-'));
  const file = path.join(folder, 'sparse');
  await writeFile(file, '');
  await truncate(file, 2 ** 31);
  await expect(readCheckpoint(file)).rejects.toThrow('at most 2147483647 bytes, got 2147483648');
  await rm(folder, { recursive: true });
});
