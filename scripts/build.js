/**
 * Builds dist/: ES modules with declarations (tsc), then one CommonJS bundle
 * of the public API with its own declarations. Worker files stay separate.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');

function compile() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
      cwd: root,
      stdio: 'inherit',
    });
  } catch {
    process.exit(1); // tsc has said what is wrong
  }
}

/** Modules find workers, configurations and the addon relative to themselves, bundled or not. */
const keepModuleLocations = {
  name: 'keep-module-locations',
  setup(bundle) {
    bundle.onLoad({ filter: /\.js$/ }, ({ path: file }) => {
      const name = path.relative(dist, file).split(path.sep).join('/');
      const contents = readFileSync(file, 'utf8')
        .replaceAll('import.meta.url', `moduleUrl(${JSON.stringify(name)})`)
        .replaceAll('import.meta.filename', `moduleFile(${JSON.stringify(name)})`)
        .replaceAll(
          'import.meta.dirname',
          `moduleFile(${JSON.stringify(path.posix.dirname(name))})`,
        );
      return { contents, loader: 'js' };
    });
  },
};

async function bundleCommonJs() {
  await build({
    entryPoints: [path.join(dist, 'index.js')],
    outfile: path.join(dist, 'index.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    logLevel: 'warning',
    banner: {
      js:
        'const moduleFile = (name) => require("node:path").join(__dirname, name);\n' +
        'const moduleUrl = (name) => require("node:url").pathToFileURL(moduleFile(name)).href;',
    },
    plugins: [keepModuleLocations],
  });
}

/** `.d.cts` beside each `.d.ts`: TypeScript takes a declaration's module kind from its name. */
function writeCommonJsDeclarations() {
  for (const entry of readdirSync(dist, { recursive: true })) {
    if (!entry.endsWith('.d.ts')) continue;
    const file = path.join(dist, entry);
    const text = readFileSync(file, 'utf8').replace(/(['"]\.{1,2}\/[^'"]*)\.js(['"])/g, '$1.cjs$2');
    writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text);
  }
}

rmSync(dist, { recursive: true, force: true });
compile();
await bundleCommonJs();
writeCommonJsDeclarations();
