/**
 * Puts the built addon where node-gyp-build finds it in an installed package:
 * prebuilds/<platform>-<arch>/, by prebuildify. `npm pack` and `npm publish` run this first.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const built = path.join(root, 'build/Release/menet.node');

if (!existsSync(built) || !existsSync(path.join(root, 'dist/index.js'))) {
  console.error('prebuild: nothing to pack: run `npm run build` first');
  process.exit(1);
}
process.dlopen({ exports: {} }, built); // throws if this platform cannot load it

// prebuildify moves what it finds in build/Release, which others here still need.
const stage = path.join(root, 'build/prebuild');
mkdirSync(stage, { recursive: true });
copyFileSync(path.join(root, 'package.json'), path.join(stage, 'package.json'));
rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true });
const shim = path.join(import.meta.dirname, 'node_gyp_shim.js');
execFileSync(
  'npx',
  [
    ...['prebuildify', '--napi', '--tag-libc', '--strip'],
    ...['--node-gyp', shim, '--cwd', stage, '--out', root],
  ],
  // Standard output is npm pack's own, and may be JSON.
  { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
);
