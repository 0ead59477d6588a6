/**
 * Runs every linter and formatter over the repository, or with `--fix` lets
 * them rewrite what they can. Exits with 1 and the names of those that failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const fix = process.argv.includes('--fix');
const maxLines = 400;
const { resolve } = createRequire(import.meta.url);

/** Runs a script of a dev dependency; true if it is content. */
function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  return status === 0;
}

function nativeSources() {
  return ['native', 'test']
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true })
        .filter((name) => /\.(h|cc|cu|cuh)$/.test(name))
        .map((name) => path.join(folder, name)),
    );
}

function eslint() {
  const script = path.join(path.dirname(resolve('eslint/package.json')), 'bin/eslint.js');
  return run(script, '--max-warnings=0', ...(fix ? ['--fix'] : []), '.');
}

function prettier() {
  const script = path.join(path.dirname(resolve('prettier/package.json')), 'bin/prettier.cjs');
  return run(script, fix ? '--write' : '--check', '--log-level=warn', '.');
}

function clangFormat() {
  const sources = nativeSources();
  const mode = fix ? ['-i'] : ['--dry-run', '--Werror'];
  return sources.length === 0 || run(resolve('clang-format/index.js'), ...mode, ...sources);
}

/** A native file fits in the head; TypeScript's limit is in eslint.config.js. */
function nativeFileLength() {
  const long = nativeSources()
    .map((file) => [file, readFileSync(path.join(root, file), 'utf8').split('\n').length - 1])
    .filter(([, lines]) => lines > maxLines);
  for (const [file, lines] of long) console.error(`${file}: ${lines} lines, at most ${maxLines}`);
  return long.length === 0;
}

const linters = {
  eslint,
  prettier,
  'clang-format': clangFormat,
  'native file length': nativeFileLength,
};
const failed = Object.keys(linters).filter((name) => !linters[name]());
console.log(failed.length === 0 ? 'lint: clean' : `lint: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
