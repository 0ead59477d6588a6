/**
 * The package as its users get it: packed, unpacked into a project of its own
 * that has TensorFlow.js and menet's dependencies linked from this checkout.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface Installed {
  project: string;
  packageFolder: string;
  /** Paths in the tarball, without `package/`. */
  files: string[];
}

export function install(): Installed {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), 'menet-package-'));
  const packageFolder = path.join(project, 'node_modules/menet');
  const options = { cwd: root, encoding: 'utf8' as const };
  const output = execFileSync('npm', ['pack', '--silent', '--pack-destination', project], options);
  const tarball = path.join(project, output.trim().split('\n').at(-1)!);
  const listing = execFileSync('tar', ['-tzf', tarball], options);

  fs.writeFileSync(path.join(project, 'package.json'), '{ "private": true }');
  fs.mkdirSync(packageFolder, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', packageFolder, '--strip-components=1']);
  const { dependencies } = JSON.parse(
    fs.readFileSync(path.join(packageFolder, 'package.json'), 'utf8'),
  ) as { dependencies: Record<string, string> };
  for (const name of [...Object.keys(dependencies), '@tensorflow/tfjs', '@types/node']) {
    const link = path.join(project, 'node_modules', name);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(path.join(root, 'node_modules', name), link);
  }
  fs.cpSync(path.join(import.meta.dirname, 'consumer'), project, { recursive: true });
  const files = listing
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''));
  return { project, packageFolder, files };
}

/** Runs one of the consumer's scripts in a fresh Node; its stdout is one JSON document. */
export function run<T>(installed: Installed, script: string, ...args: string[]) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(MENET_|NODE_OPTIONS$|VITEST)/.test(name)),
  );
  const options = { cwd: installed.project, encoding: 'utf8' as const, env };
  const child = spawnSync(process.execPath, [script, ...args], options);
  if (child.status !== 0) throw new Error(`${script} failed:\n${child.stdout}${child.stderr}`);
  return { result: JSON.parse(child.stdout) as T, stderr: child.stderr };
}

export function typecheck(installed: Installed, compilerOptions: object, files: string[]): string {
  const config = path.join(installed.project, 'tsconfig.json');
  const shared = { strict: true, noEmit: true, skipLibCheck: true, target: 'ES2022' };
  const options = { ...shared, types: ['node'], ...compilerOptions };
  fs.writeFileSync(config, JSON.stringify({ compilerOptions: options, files }));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const child = spawnSync(process.execPath, [tsc, '-p', config], { encoding: 'utf8' });
  return child.stdout + child.stderr;
}
