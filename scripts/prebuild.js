/**
 * Puts the built addon where node-gyp-build finds it in an installed package:
 * prebuilds/<platform>-<arch>/. `npm pack` and `npm publish` run this first.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const built = path.join(root, 'build/Release/menet.node');
const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);

if (!existsSync(built) || !existsSync(path.join(root, 'dist/index.js'))) {
  console.error('prebuild: nothing to pack: run `npm run build` first');
  process.exit(1);
}
process.dlopen({ exports: {} }, built); // throws if this platform cannot load it

// Linux has two C libraries; node-gyp-build reads which one from the name.
const { glibcVersionRuntime } = process.report.getReport().header;
const libc = process.platform === 'linux' ? (glibcVersionRuntime ? '.glibc' : '.musl') : '';
const staged = path.join(root, 'build/menet.prebuilt.node');
copyFileSync(built, staged);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
renameSync(staged, path.join(folder, `menet.napi${libc}.node`));
