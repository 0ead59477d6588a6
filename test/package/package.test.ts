import fs from 'node:fs';
import path from 'node:path';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Installed, install, run, typecheck } from './installed.js';

interface Use {
  backend: string;
  difference: number;
  shape: number[];
  finite: boolean;
}

interface State {
  state: { backends: string[] };
  threads: number;
}
interface Import {
  before: State;
  after: State;
  timeBesideTfjs: number;
  chosen: string;
}

function expectUse(use: Use, backend: string) {
  expect(use).toMatchObject({ backend, shape: [1, 1000], finite: true });
  expect(use.difference).toBeLessThan(1e-4);
}

let installed: Installed;
beforeAll(() => {
  installed = install();
});
afterAll(() => fs.rmSync(installed.project, { recursive: true, force: true }));

describe('the tarball', () => {
  const needed = [
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'package.json',
    'bin/menet.js',
    'dist/index.js',
    'dist/index.cjs',
    'dist/index.d.ts',
    'dist/index.d.cts',
    'config/imagenet/model-config/menet/228-MENet-12x1-group-3.json',
  ];

  test.each(needed)('holds %s', (file) => expect(installed.files).toContain(file));

  test('holds one binary, for this platform', () => {
    const binaries = installed.files.filter((file) => file.endsWith('.node'));
    expect(binaries).toHaveLength(1);
    expect(binaries[0]).toContain(`prebuilds/${process.platform}-${process.arch}/`);
  });

  test('holds nothing else', () => {
    const expected =
      /^(LICENSE|(README|CHANGELOG)\.md|package\.json|bin\/(menet\.js|package\.json)|config\/.*\.json|dist\/.*\.(js|cjs|css|d\.ts|d\.cts)|prebuilds\/.*\.node)$/;
    expect(installed.files.filter((file) => !expected.test(file))).toEqual([]);
  });

  test('runs nothing at install', () => {
    const manifest = JSON.parse(
      fs.readFileSync(path.join(installed.packageFolder, 'package.json'), 'utf8'),
    ) as { gypfile?: boolean; scripts: Record<string, string> };
    expect(manifest.gypfile).toBe(false);
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts).not.toHaveProperty(script);
  });
});

describe('an installed package works', () => {
  test.each(['menet', 'cpu'])('as ES module, on %s', (backend) =>
    expectUse(run<Use>(installed, 'esm.mjs', backend).result, backend),
  );

  test.each(['menet', 'cpu'])('from CommonJS, on %s', (backend) =>
    expectUse(run<Use>(installed, 'commonjs.cjs', backend).result, backend),
  );

  test('as both in one process, silently', () => {
    const { result, stderr } = run<Use[]>(installed, 'both.mjs');
    for (const use of result) expectUse(use, 'menet');
    expect(stderr).not.toMatch(/menet/i);
  });

  test('in two worker threads at once', () => {
    for (const use of run<Use[]>(installed, 'worker.mjs').result) expectUse(use, 'menet');
  });

  test('as a command', () => {
    const model =
      'node_modules/menet/config/imagenet/model-config/menet/108-MENet-8x1-group-3.json';
    const args = ['inspect', '--model', model, '--json'];
    const { result } = run<{ params: number }>(
      installed,
      'node_modules/menet/bin/menet.js',
      ...args,
    );
    expect(result.params).toBe(654_516);
  });
});

describe('TypeScript, strict', () => {
  const modules = ['typed.mts'];
  test('Node resolution, from an ES module and from CommonJS', () => {
    const options = { module: 'NodeNext', moduleResolution: 'NodeNext' };
    expect(typecheck(installed, options, [...modules, 'typed_commonjs.cts'])).toBe('');
  });

  test('Node 16 resolution, where CommonJS cannot require ES modules', () => {
    const options = { module: 'Node16', moduleResolution: 'Node16' };
    expect(typecheck(installed, options, [...modules, 'typed_commonjs.cts'])).toBe('');
  });

  test("the README's example compiles and runs", () => {
    const readme = fs.readFileSync(path.join(installed.packageFolder, 'README.md'), 'utf8');
    const example = /```ts\n(.*?)```/s.exec(readme)![1]!;
    fs.writeFileSync(path.join(installed.project, 'readme.mts'), example);
    const options = { module: 'NodeNext', moduleResolution: 'NodeNext' };
    expect(typecheck(installed, options, ['readme.mts'])).toBe('');

    const { code } = transformSync(example, { loader: 'ts' });
    const print = '\nconsole.log(JSON.stringify(y.shape));';
    fs.writeFileSync(path.join(installed.project, 'readme.mjs'), code + print);
    expect(run(installed, 'readme.mjs').result).toEqual([32, 28, 28, 57]);
  });

  test('bundler resolution', () => {
    const options = { module: 'ESNext', moduleResolution: 'bundler' };
    expect(typecheck(installed, options, modules)).toBe('');
  });
});

describe('importing the package', () => {
  const importOnce = () => run<Import>(installed, 'state.mjs').result;

  test('registers the backend and changes nothing else in tfjs', () => {
    const { before, after, chosen } = importOnce();
    const backends = [...before.state.backends, 'menet'].sort();
    expect(after.state).toEqual({ ...before.state, backends });
    expect(chosen).toBe('cpu');
  });

  test.runIf(process.platform === 'linux')('starts no threads', () => {
    const { before, after } = importOnce();
    expect(after.threads).toBe(before.threads);
  });

  test('takes a fraction of the time of importing tfjs', () => {
    const imports = Array.from({ length: 9 }, importOnce);
    // The least: what else the machine does meanwhile disturbs a ratio in both directions.
    expect(Math.min(...imports.map(({ timeBesideTfjs }) => timeBesideTfjs))).toBeLessThan(1 / 3);
  });
});

describe('without a binary', () => {
  test('models and reference operations work, after one warning', () => {
    fs.rmSync(`${installed.packageFolder}/prebuilds`, { recursive: true });
    const { result, stderr } = run<{ difference: number; finite: boolean }>(
      installed,
      'esm.mjs',
      'cpu',
    );
    expect(result).toMatchObject({ difference: 0, finite: true });
    expect(stderr.split('\n').filter((line) => /menet/i.test(line))).toHaveLength(1);
  });
});
