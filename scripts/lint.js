/**
 * Runs every linter and formatter over the repository, or with `--fix` lets
 * them rewrite what they can. Exits with 1 and the names of those that failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const fix = process.argv.includes('--fix');
const maxLines = 400;
const { resolve } = createRequire(import.meta.url);

/** Runs a program in the repository; true if it is content. */
function run(program, ...args) {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
  return new Promise((done) => {
    child.on('error', () => done(false)).on('close', (status) => done(status === 0));
  });
}

/** Runs a script of a dev dependency. */
const runScript = (script, ...args) => run(process.execPath, script, ...args);

function nativeSources(extensions = /\.(h|cc|cu|cuh)$/) {
  return ['native', 'test']
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true })
        .filter((name) => extensions.test(name))
        .map((name) => path.join(folder, name)),
    );
}

function eslint() {
  const script = path.join(path.dirname(resolve('eslint/package.json')), 'bin/eslint.js');
  return runScript(script, '--max-warnings=0', ...(fix ? ['--fix'] : []), '.');
}

function prettier() {
  const script = path.join(path.dirname(resolve('prettier/package.json')), 'bin/prettier.cjs');
  return runScript(script, fix ? '--write' : '--check', '--log-level=warn', '.');
}

async function clangFormat() {
  const sources = nativeSources();
  const mode = fix ? ['-i'] : ['--dry-run', '--Werror'];
  return sources.length === 0 || runScript(resolve('clang-format/index.js'), ...mode, ...sources);
}

/** Only where it is installed, and the addon has been built: no npm package carries it. */
async function clangTidy() {
  const database = path.join(root, 'build/compile_commands.json');
  if (spawnSync('clang-tidy', ['--version']).status !== 0 || !existsSync(database)) {
    console.log('clang-tidy: skipped (needs clang-tidy on the path, and `npm run build:native`)');
    return true;
  }
  const built = new Set(JSON.parse(readFileSync(database, 'utf8')).map(({ file }) => file));
  const sources = nativeSources(/\.cc$/).filter((file) => built.has(path.join(root, file)));
  const jobs = Array.from({ length: os.availableParallelism() }, async () => {
    let clean = true;
    for (let file = sources.pop(); file; file = sources.pop())
      clean = (await run('clang-tidy', '-p', 'build', '--quiet', file)) && clean;
    return clean;
  });
  return (await Promise.all(jobs)).every(Boolean);
}

/** A native file fits in the head; TypeScript's limit is in eslint.config.js. */
async function nativeFileLength() {
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
  'clang-tidy': clangTidy,
  'native file length': nativeFileLength,
};
const failed = [];
for (const [name, lint] of Object.entries(linters)) if (!(await lint())) failed.push(name);
console.log(failed.length === 0 ? 'lint: clean' : `lint: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
