import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { currentDevice } from '../../src/devices.js';

/** What a spec has left behind. */
interface Left {
  tensors: number;
  bytes: number;
  buffers: number;
  nativeBytes: number;
}

interface SpecResult {
  name: string;
  status: string;
  messages: string[];
  left?: Left;
}

const root = path.resolve(import.meta.dirname, '../..');
/** Both devices' runs may be under way at once. */
const device = currentDevice().replace(':', '_');
const folder = path.join(root, 'build/tfjs_core', device);
/** MENET_SPECS names a bundle made elsewhere, where there are no packages to make one of. */
const bundle = process.env.MENET_SPECS ?? path.join(folder, 'specs.cjs');

/** Specs that tfjs-core itself leaves out (xit) or that are about tfjs-backend-cpu alone. */
const expectedTotals = { passed: 4225, failed: 0, skipped: 5 };

function runSpecs(backend: string): SpecResult[] {
  const results = path.join(folder, `${backend}.json`);
  execFileSync(process.execPath, [bundle, backend, results], { cwd: root, stdio: 'ignore' });
  return JSON.parse(readFileSync(results, 'utf8')) as SpecResult[];
}

function count(results: SpecResult[], status: string): number {
  return results.filter((spec) => spec.status === status).length;
}

const nothing: Left = { tensors: 0, bytes: 0, buffers: 0, nativeBytes: 0 };

/** Native blocks are whole cache lines, so each tensor may take up to 63 bytes more than on cpu. */
function leaks(left: Left, onCpu: Left): boolean {
  const allowed = Math.max(onCpu.tensors, 0);
  return (
    left.tensors > allowed ||
    left.buffers > allowed ||
    left.nativeBytes > Math.max(onCpu.bytes, 0) + 64 * allowed
  );
}

describe("tfjs-core's specs", () => {
  let menet: SpecResult[];
  let cpu: SpecResult[];

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    if (!process.env.MENET_SPECS) {
      const { bundleSpecs } = await import('./bundle_specs.js');
      await bundleSpecs(bundle);
    }
    menet = runSpecs('menet');
    cpu = runSpecs('cpu');
  });

  test('all pass on menet', () => {
    const totals = {
      passed: count(menet, 'passed'),
      failed: count(menet, 'failed'),
      skipped: count(menet, 'pending'),
    };
    writeFileSync(
      path.join(root, `build/tfjs_core_results_${device}.json`),
      JSON.stringify(totals),
    );
    expect(menet.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(totals).toEqual(expectedTotals);
  });

  test('none leaves more behind than on tfjs-backend-cpu', () => {
    const onCpu = new Map(cpu.map(({ name, left }) => [name, left]));
    const leaking = menet.filter(
      ({ name, left }) => left !== undefined && leaks(left, onCpu.get(name) ?? nothing),
    );
    expect(leaking.map(({ name, left }) => ({ name, left, onCpu: onCpu.get(name) }))).toEqual([]);
  });
});
