/**
 * Makes build/gpu-bundle: what a GPU machine without network and without Node needs for
 * `npm run test:gpu` and `npm run bench:gpu`, as compressed parts and the script that unpacks and
 * runs them (scripts/gpu_run.sh). Linux; needs tar, xz, CUDA's compiler and the reference data.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { bundleSpecs } from '../test/tfjs_core/bundle_specs.js';
import { packageFolders } from './package_folders.js';

const root = path.resolve(import.meta.dirname, '..');
const bundle = path.join(root, 'build/gpu-bundle');
const stage = path.join(root, 'build/gpu-stage');
const shared = process.env.MENET_SHARED ?? path.resolve(root, '../shared');
/** What the tests of the project `cuda` and the benchmark import, with what it needs. */
const packages = ['vitest', '@tensorflow/tfjs', 'jasmine', 'node-gyp-build', 'zod', 'sharp'];
const limit = 60 * 2 ** 20;

const run = (command, args, options = {}) =>
  execFileSync(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], ...options });

function copy(source, target) {
  mkdirSync(path.dirname(target), { recursive: true });
  cpSync(source, target, { recursive: true });
}

/** The running Node, without its symbols. */
function stageNode(folder) {
  copyFileSync(process.execPath, path.join(folder, 'node'));
  chmodSync(path.join(folder, 'node'), 0o755);
  run('strip', ['--strip-all', path.join(folder, 'node')]);
}

/** The release build, where node-gyp-build looks for it, and the test build. */
function stageAddons(folder) {
  for (const [source, target] of Object.entries({ gpu: '.', 'gpu-test': 'gpu-test' })) {
    const file = 'Release/menet.node';
    copy(path.join(root, 'build', source, file), path.join(folder, 'menet/build', target, file));
  }
}

/** Of TensorFlow.js only what Node loads; its packages hold four more builds and their sources. */
function isNeeded(folder, file) {
  if (/\.(map|md|d\.[cm]?ts)$/.test(file)) return false;
  if (statSync(file).isDirectory() || !folder.includes('@tensorflow')) return true;
  return /(\/package\.json|\.node\.js)$/.test(file);
}

function stageModules(folder) {
  for (const name of packageFolders(root, packages)) {
    const source = path.join(root, name);
    const nested = path.join(source, 'node_modules');
    cpSync(source, path.join(folder, 'menet', name), {
      recursive: true,
      filter: (file) => file !== nested && isNeeded(name, file),
    });
  }
}

async function stageProject(folder) {
  const tops = ['bench', 'bin', 'config', 'scripts', 'src', 'test'];
  const files = run('git', ['ls-files', '-z', ...tops, '*.json', 'vitest.config.ts']);
  for (const name of files.toString().split('\0').filter(Boolean)) {
    if (existsSync(path.join(root, name))) copy(path.join(root, name), `${folder}/menet/${name}`);
  }
  copy(path.join(root, 'dist'), path.join(folder, 'menet/dist'));
  await bundleSpecs(path.join(folder, 'menet/build/specs.cjs'));
  const commit = run('git', ['describe', '--always', '--dirty']).toString().trim();
  writeFileSync(path.join(folder, 'menet/build/commit'), `${commit}\n`);
}

function stageReference(folder) {
  for (const name of ['checkpoints', 'expected', 'photos']) {
    cpSync(path.join(shared, name), path.join(folder, 'shared', name), {
      recursive: true,
      dereference: true,
    });
  }
}

const parts = {
  node: stageNode,
  addons: stageAddons,
  modules: stageModules,
  project: stageProject,
  reference: stageReference,
};

function checkInputs() {
  const needed = { 'reference data': shared, 'build of the library': path.join(root, 'dist') };
  for (const [what, where] of Object.entries(needed)) {
    if (existsSync(where)) continue;
    console.error(`bundle:gpu: expected the ${what}, found no ${where}`);
    process.exit(1);
  }
}

async function makePart(name) {
  const folder = path.join(stage, name);
  mkdirSync(folder, { recursive: true });
  await parts[name](folder);
  const archive = path.join(bundle, `${name}.tar.xz`);
  run('tar', ['-cJf', archive, '-C', folder, '.'], { env: { ...process.env, XZ_OPT: '-6 -T2' } });
  const { size } = statSync(archive);
  console.log(`${name.padEnd(10)}${(size / 2 ** 20).toFixed(1).padStart(6)} MiB`);
  return size;
}

checkInputs();
const environment = { ...process.env, MENET_CUDA: 'required' };
environment.MENET_CUDA_ARCHITECTURES ??= '90-real';
for (const options of [
  ['--out', 'build/gpu'],
  ['--out', 'build/gpu-test', '--float64'],
]) {
  const script = path.join(root, 'scripts/build_native.js');
  run(process.execPath, [script, ...options], { env: environment });
}
for (const folder of [bundle, stage]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
let total = 0;
for (const name of Object.keys(parts)) total += await makePart(name);
rmSync(stage, { recursive: true });
copyFileSync(path.join(root, 'scripts/gpu_run.sh'), path.join(bundle, 'run.sh'));
chmodSync(path.join(bundle, 'run.sh'), 0o755);
const where = path.relative(root, bundle);
console.log(`${where}: ${(total / 2 ** 20).toFixed(1)} MiB; on a GPU machine: sh ${where}/run.sh`);
if (total > limit) {
  console.error(`bundle:gpu: expected at most ${limit / 2 ** 20} MiB`);
  process.exitCode = 1;
}
