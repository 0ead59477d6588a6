/**
 * Runs the tests of CUDA's kernels on a real GPU: first a smoke test, then every test file of the
 * project `cuda` (vitest.config.ts), whose cases otherwise run on the shim. Exits with 1 where
 * there is no GPU, or a test failed.
 *
 *   node scripts/test_gpu.js [--smoke] [--sanitize memcheck|racecheck] [FILTER...]
 *
 *   --smoke      stop after the smoke test
 *   --sanitize   run a few files, or those of FILTER, under compute-sanitizer
 *   FILTER       a part of a test file's path; default all
 *
 * MENET_TEST_BINARY names the addon; default build/gpu-test/Release/menet.node, the test build
 * for a GPU (npm run build:gpu-test).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const binary = path.resolve(
  process.env.MENET_TEST_BINARY ?? path.join(root, 'build/gpu-test/Release/menet.node'),
);
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const reportFile = path.join(root, 'build/reports/test_gpu.json');

/** About the shim itself, devices as the shim pretends them, and faults that it makes. */
const shimFiles = ['shim', 'devices', 'failures'].map((name) => `test/cuda/${name}.test.ts`);
/** Files that reach most kernels in little time; under a sanitizer kernels are ~100 times slower. */
const sanitized = [
  ...['kernels', 'memory', 'products', 'unit_inference'].map((name) => `test/cuda/${name}.test.ts`),
  'test/ops/expected_units.test.ts',
];
const sanitizers = ['memcheck', 'racecheck'];

function fail(message) {
  console.error(`test:gpu: ${message}`);
  process.exit(1);
}

/** Loads the addon, finds the GPU, moves data there and back, and runs one kernel. */
function smoke() {
  if (!existsSync(binary)) {
    fail(`expected an addon, found no ${binary}; this builds it: npm run build:gpu-test`);
  }
  const door = require(binary);
  const { devices, whyNoCuda } = door.devices();
  const gpu = devices.find(({ name }) => name === 'cuda:0');
  if (!gpu) fail(`expected a CUDA device, found ${whyNoCuda}`);
  const { description, computeCapability, driver } = gpu;
  console.log(`${gpu.name}: ${description}, sm ${computeCapability}, driver for CUDA ${driver}`);

  const values = Float32Array.from({ length: 100_003 }, (_, i) => i - 5e4);
  const id = door.allocate(values.byteLength, gpu.name);
  door.write(id, values);
  expectEqual('what was written', read(door, id, values.length), values);
  const x = { id, shape: [values.length], dtype: 'float32' };
  const [sum] = door.run('Add', [x, x]);
  const doubled = values.map((value) => value + value);
  expectEqual('the sum of two tensors', read(door, sum.id, values.length), doubled);
  for (const buffer of [id, sum.id]) door.free(buffer);
  console.log('smoke test: allocate, write, read and Add work');
}

function read(door, id, length) {
  const values = new Float32Array(length);
  door.read(id, values);
  return values;
}

function expectEqual(what, found, expected) {
  const at = expected.findIndex((value, i) => found[i] !== value);
  if (at >= 0) fail(`smoke test: ${what}: expected ${expected[at]} at ${at}, found ${found[at]}`);
}

/** compute-sanitizer's path; undefined where the machine has none. */
function findSanitizer() {
  const folders = [
    ...(process.env.PATH ?? '').split(path.delimiter),
    ...[process.env.CUDA_HOME, '/usr/local/cuda'].filter(Boolean).map((home) => `${home}/bin`),
  ];
  return folders.map((folder) => path.join(folder, 'compute-sanitizer')).find(existsSync);
}

/** Runs vitest on some files, behind a command if there is one; gives its exit status. */
function runVitest(files, command = []) {
  const [program, ...before] = [...command, process.execPath];
  const { status } = spawnSync(
    program,
    [
      ...[...before, vitest, 'run', '--project', 'cuda', '--pool', 'forks', ...files],
      ...shimFiles.flatMap((file) => ['--exclude', file]),
      ...['--reporter', 'default', '--reporter', 'json', `--outputFile.json=${reportFile}`],
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, MENET_TEST_BINARY: binary },
    },
  );
  return status ?? 1;
}

/** Names what failed, file by file: after a fault of a kernel the rest of its file fails too. */
function describeReport() {
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(reportFile, 'utf8'),
  );
  for (const { name, message, assertionResults } of testResults) {
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    if (failed.length === 0 && !message) continue;
    console.log(`${path.relative(root, name)}: ${failed.length} failed`);
    if (failed.length === 0) console.log(`  ${message.split('\n')[0]}`);
    for (const { fullName, failureMessages } of failed) {
      console.log(`  ${fullName}: ${failureMessages[0]?.split('\n')[0]}`);
    }
  }
  const counts = `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
  console.log(`test:gpu: ${counts}; ${path.relative(root, reportFile)}`);
}

function main() {
  const { values, positionals } = parseArgs({
    options: { smoke: { type: 'boolean' }, sanitize: { type: 'string' } },
    allowPositionals: true,
  });
  const tool = values.sanitize;
  if (tool !== undefined && !sanitizers.includes(tool)) {
    fail(`--sanitize: expected ${sanitizers.join(' or ')}, got ${tool}`);
  }
  smoke();
  if (values.smoke) return;
  mkdirSync(path.dirname(reportFile), { recursive: true });
  rmSync(reportFile, { force: true });
  if (tool === undefined) {
    process.exitCode = runVitest(positionals);
  } else {
    const sanitizer = findSanitizer();
    if (!sanitizer) fail('--sanitize: expected compute-sanitizer on the path, found none');
    const options = ['--tool', tool, '--target-processes', 'all', '--error-exitcode', '1'];
    const files = positionals.length > 0 ? positionals : sanitized;
    process.exitCode = runVitest(files, [sanitizer, ...options]);
  }
  if (existsSync(reportFile)) describeReport();
}

main();
