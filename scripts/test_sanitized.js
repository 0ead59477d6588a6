// Builds the addon with the address and undefined-behaviour sanitizers, each buffer an
// allocation of its own, and runs the native tests on it.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const run = (command, args, env = {}) =>
  execFileSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });

run('npx', [
  ...['cmake-js', 'build', '--target', 'menet', '--out', 'build/sanitize', '--log-level', 'warn'],
  ...['--CDMENET_FLOAT64=ON', '--CDMENET_CUDA_SHIM=ON', '--CDMENET_SANITIZE=ON'],
]);
const runtime = execFileSync('gcc', ['-print-file-name=libasan.so']).toString().trim();
const binary = resolve(root, 'build/sanitize/Release/menet.node');
const images = ['alter', 'color_jitter', 'resample'].map((name) => `test/data/${name}.test.ts`);
const ops = ['test/ops/native', 'test/ops/multi_tensor'];
const tests = [...ops, 'test/native', 'test/backend', 'test/cuda', ...images];
run('npx', ['vitest', 'run', '--pool=forks', ...tests], {
  LD_PRELOAD: runtime,
  // Leaks are Node's own; running out of memory is an exception that tests expect.
  ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
  MENET_BINARY: binary,
  MENET_TEST_BINARY: binary,
});
