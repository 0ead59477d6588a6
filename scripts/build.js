/**
 * Builds dist/: modules with declarations (tsc), then the public API as one ES module and one
 * CommonJS module, since a hundred small files take longer to import than they should. Worker
 * files stay separate. zod is bundled, without the languages of its messages.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

/** What modules read at run time, beside them: the style and script of pages. */
function copyAssets() {
  const source = path.join(root, 'src');
  for (const entry of readdirSync(source, { recursive: true }))
    if (/\.(css|js)$/.test(entry)) cpSync(path.join(source, entry), path.join(dist, entry));
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

const banners = {
  cjs:
    'const moduleFile = (name) => require("node:path").join(__dirname, name);\n' +
    'const moduleUrl = (name) => require("node:url").pathToFileURL(moduleFile(name)).href;',
  esm:
    'import { fileURLToPath as pathOf } from "node:url";\n' +
    'const moduleUrl = (name) => new URL(name, import.meta.url).href;\n' +
    'const moduleFile = (name) => pathOf(moduleUrl(name));',
};

async function bundle(format, file) {
  await build({
    entryPoints: [path.join(dist, 'index.js')],
    outfile: path.join(dist, file),
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format,
    external: ['@tensorflow/*', '@viz-js/viz', 'node-gyp-build', 'sharp'],
    legalComments: 'inline',
    logLevel: 'warning',
    banner: { js: banners[format] },
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
copyAssets();
await bundle('cjs', 'index.cjs');
await bundle('esm', 'index.js');
writeCommonJsDeclarations();
