/**
 * Finds the CUDA compiler, or fetches it.
 *
 *   node scripts/cuda_toolkit.js           prints the toolkit's folder, or says that there is none
 *   node scripts/cuda_toolkit.js --fetch   installs one from its published Python wheels, where
 *                                          none is found, into ~/.cache/menet (about 270 MB)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const oldest = [12, 8]; // the first to compile for sm_100 and sm_120
const series = '13.0';
const packages = ['nvcc', 'crt', 'runtime', 'cccl'].map((name) => `nvidia-cuda-${name}`);
packages.push('nvidia-nvvm');

const cache = path.join(
  process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'),
  'menet',
  `cuda-${series}`,
);

/** The version of the compiler in a toolkit's folder, as [major, minor]; undefined without one. */
function versionOf(root) {
  const { status, stdout } = spawnSync(path.join(root, 'bin/nvcc'), ['--version']);
  const found = status === 0 && /release (\d+)\.(\d+)/.exec(stdout.toString());
  return found ? [Number(found[1]), Number(found[2])] : undefined;
}

const isRecent = ([major, minor]) =>
  major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);

function candidates() {
  const { CUDACXX, CUDA_HOME, CUDA_PATH, PATH } = process.env;
  const compilers = [
    ...(CUDACXX ? [CUDACXX] : []),
    ...(PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, 'nvcc')),
  ];
  return [
    ...compilers.filter((file) => existsSync(file)).map((file) => path.resolve(file, '../..')),
    ...[CUDA_HOME, CUDA_PATH].filter(Boolean),
    '/usr/local/cuda',
    path.join(cache, 'nvidia/cu13'),
  ];
}

/**
 * The toolkit to build with: `{ root, compiler, version }`, or `{ reason }` why there is none.
 * An environment that names one (CUDACXX, PATH, CUDA_HOME, CUDA_PATH) comes first.
 */
export function findToolkit() {
  const old = [];
  for (const root of candidates()) {
    const version = versionOf(root);
    if (version === undefined) continue;
    if (isRecent(version)) {
      return { root, compiler: path.join(root, 'bin/nvcc'), version: version.join('.') };
    }
    old.push(`${version.join('.')} in ${root}`);
  }
  const reason = `no CUDA compiler of ${oldest.join('.')} or newer was found`;
  return { reason: old.length > 0 ? `${reason} (only ${old.join(', ')})` : reason };
}

/** What the wheels lack of a toolkit's folder: names that linkers and CMake look for. */
function completeFolder(root) {
  symlinkSync('lib', path.join(root, 'lib64'));
  symlinkSync('libcudart.so.13', path.join(root, 'lib/libcudart.so'));
}

/** Installs the wheels; a folder that is there is complete, since it is renamed into place. */
function fetchToolkit() {
  mkdirSync(path.dirname(cache), { recursive: true });
  const stage = mkdtempSync(`${cache}-`);
  try {
    const requirements = packages.map((name) => `${name}==${series}.*`);
    const options = ['--no-deps', '--quiet', '--disable-pip-version-check', '--target', stage];
    execFileSync('python3', ['-m', 'pip', 'install', ...options, ...requirements], {
      stdio: ['ignore', process.stderr, 'inherit'],
    });
    completeFolder(path.join(stage, 'nvidia/cu13'));
    rmSync(cache, { recursive: true, force: true });
    renameSync(stage, cache);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--fetch') && findToolkit().reason) fetchToolkit();
  const { root, version, reason } = findToolkit();
  if (reason) {
    console.error(`${reason}; this fetches one: node scripts/cuda_toolkit.js --fetch`);
    process.exitCode = 1;
  } else {
    console.log(`${root} (CUDA ${version})`);
  }
}
