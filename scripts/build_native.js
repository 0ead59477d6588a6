/**
 * Builds build/Release/menet.node, with CUDA where a compiler is found (scripts/cuda_toolkit.js),
 * and says which it did. MENET_CUDA=off leaves CUDA out, MENET_CUDA=required fails without a
 * compiler; MENET_CUDA_ARCHITECTURES is CMake's list of them.
 *
 *   --out FOLDER      build FOLDER/Release/menet.node instead
 *   --float64         instantiate the kernels for float64 too, for tests
 *   --configure-only  stop before anything is compiled
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findToolkit } from './cuda_toolkit.js';

const root = path.resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const cmakeJs = path.join(path.dirname(require.resolve('cmake-js/package.json')), 'bin/cmake-js');
const { values: flags } = parseArgs({
  options: {
    out: { type: 'string' },
    float64: { type: 'boolean' },
    'configure-only': { type: 'boolean' },
  },
});
const wanted = process.env.MENET_CUDA || 'auto';
if (!['auto', 'off', 'required'].includes(wanted)) {
  console.error(`MENET_CUDA: expected auto, off or required, got ${wanted}`);
  process.exit(1);
}

const toolkit = wanted === 'off' ? { reason: 'MENET_CUDA=off' } : findToolkit();
if (wanted === 'required' && toolkit.reason) {
  console.error(`${toolkit.reason}; this fetches one: node scripts/cuda_toolkit.js --fetch`);
  process.exit(1);
}

/** Every option each time: a folder that is configured already keeps what is not given. */
function options() {
  const common = [
    ...(flags.out ? ['--out', flags.out] : []),
    `--CDMENET_FLOAT64=${flags.float64 ? 'ON' : 'OFF'}`,
    `--CDMENET_CUDA_ARCHITECTURES=${process.env.MENET_CUDA_ARCHITECTURES || 'default'}`,
  ];
  if (toolkit.reason) return [...common, '--CDMENET_CUDA=OFF'];
  return [
    ...common,
    '--CDMENET_CUDA=ON',
    `--CDCMAKE_CUDA_COMPILER=${toolkit.compiler}`,
    `--CDCUDAToolkit_ROOT=${toolkit.root}`,
  ];
}

function cmake(command, stdout) {
  const { status } = spawnSync(
    process.execPath,
    [cmakeJs, command, '--target', 'menet', '--log-level', 'warn', ...options()],
    { cwd: root, stdio: ['ignore', stdout, 'inherit'] },
  );
  if (status !== 0) process.exit(status ?? 1);
}

cmake('configure', 'ignore'); // `build` does so in a new folder alone
if (!flags['configure-only']) cmake('build', 'inherit');
// On the error stream: npm pack's output may be JSON.
const done = flags['configure-only'] ? 'configured' : 'built';
console.error(
  toolkit.reason
    ? `${done} without CUDA: ${toolkit.reason}`
    : `${done} with CUDA ${toolkit.version} of ${toolkit.root}`,
);
