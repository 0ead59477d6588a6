/**
 * Times networks and units on a GPU beside PyTorch, and writes bench/results/DATE-gpu.json and .md.
 *
 *   node scripts/bench_gpu.js [--only TEXT] [--max-batch N] [--budget SECONDS] [--device D]
 *                             [--without-torch] [--out FILE.json]
 *
 *   --only           cases with TEXT in their description, such as "228 224x224 x256"
 *   --max-batch      leave larger batches out
 *   --budget         default 570; the important cases come first, and what did not fit is listed
 *   --device         default cuda; cpu checks both sides against each other where there is no GPU
 *   --without-torch  menet alone
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
    budget: { type: 'string', default: '570' },
    'without-torch': { type: 'boolean' },
    device: { type: 'string', default: 'cuda' },
    out: { type: 'string' },
  },
});

function numberOf(name) {
  const number = Number(flags[name]);
  if (!(number > 0)) throw new Error(`--${name}: expected a number > 0, got "${flags[name]}"`);
  return number;
}

const { runGpuBench } = await import(built);
const date = new Date().toISOString().slice(0, 16).replace(':', '');
try {
  const { failures } = await runGpuBench({
    device: flags.device,
    python: flags['without-torch'] ? undefined : process.env.MENET_PYTHON || 'python3',
    output: path.resolve(flags.out ?? path.join(root, `bench/results/${date}-gpu.json`)),
    commit: commit(),
    only: flags.only,
    maxBatch: flags['max-batch'] === undefined ? undefined : numberOf('max-batch'),
    budget: numberOf('budget'),
  });
  if (failures.length > 0) throw new Error(`${failures.length} cases failed`);
} catch (error) {
  console.error(`bench:gpu: ${error.message}`);
  process.exit(1);
}
