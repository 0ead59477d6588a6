/**
 * Times networks and units on a GPU beside PyTorch, and writes bench/results/DATE-gpu.json.
 *
 *   node scripts/bench_gpu.js [--only TEXT] [--max-batch N] [--compile] [--device D] [--out FILE]
 *
 *   --only       cases with TEXT in their description, such as "network 228"
 *   --max-batch  leave larger batches out
 *   --compile    torch.compile too
 *   --device     default cuda; cpu checks both sides against each other where there is no GPU
 *
 * MENET_PYTHON is a Python with torch, numpy and safetensors; default python3.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const built = path.join(root, 'dist/bench/gpu.js');

/** scripts/gpu_bundle.js leaves the commit behind where there will be no git. */
function commit() {
  const file = path.join(root, 'build/commit');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const { stdout } = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root });
  return stdout?.toString().trim() || 'unknown';
}

if (!existsSync(built)) {
  console.error(`bench:gpu: expected a build, found no ${built}; this makes it: npm run build`);
  process.exit(1);
}
const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    'max-batch': { type: 'string' },
    compile: { type: 'boolean' },
    device: { type: 'string', default: 'cuda' },
    out: { type: 'string' },
  },
});
const { runGpuBench } = await import(built);
const date = new Date().toISOString().slice(0, 16).replace(':', '');
try {
  const { failures } = await runGpuBench({
    device: flags.device,
    python: process.env.MENET_PYTHON || 'python3',
    output: path.resolve(flags.out ?? path.join(root, `bench/results/${date}-gpu.json`)),
    commit: commit(),
    only: flags.only,
    maxBatch: flags['max-batch'] === undefined ? undefined : Number(flags['max-batch']),
    compile: flags.compile,
  });
  if (failures.length > 0) throw new Error(`${failures.length} cases failed`);
} catch (error) {
  console.error(`bench:gpu: ${error.message}`);
  process.exit(1);
}
