import path from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles run_specs.js: the published specs with this backend, around one tfjs-core. It runs with
 * the checkout's root as its working folder, which may be another machine's.
 */
export async function bundleSpecs(outfile) {
  await build({
    entryPoints: [path.join(import.meta.dirname, 'run_specs.js')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    ignoreAnnotations: true, // `sideEffects` in tfjs-core's package would drop most of them
    mainFields: ['module', 'main'],
    external: ['jasmine', 'jasmine-core', 'node-gyp-build'],
    alias: { '@tensorflow/tfjs': path.join(import.meta.dirname, 'tfjs.js') },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL('src/native.ts').href;" },
    define: { 'import.meta.url': 'moduleUrl' },
    logLevel: 'error',
  });
}
