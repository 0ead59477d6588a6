// Builds the addon with the address and undefined-behaviour sanitizers, each buffer an
// allocation of its own, and runs the native tests on it.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const run = (command, args, env = {}) =>
  execFileSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });

run('npx', [
  ...['cmake-js', 'build', '--target', 'menet', '--out', 'build/sanitize', '--log-level', 'warn'],
  ...['--CDMENET_FLOAT64=ON', '--CDMENET_SANITIZE=ON'],
]);
const runtime = execFileSync('gcc', ['-print-file-name=libasan.so']).toString().trim();
const binary = resolve(root, 'build/sanitize/Release/menet.node');
run('npx', ['vitest', 'run', '--pool=forks', 'test/ops/native', 'test/native', 'test/backend'], {
  LD_PRELOAD: runtime,
  ASAN_OPTIONS: 'detect_leaks=0', // Node's own
  MENET_BINARY: binary,
  MENET_TEST_BINARY: binary,
});
