#!/usr/bin/env node
// Lets prebuildify drive cmake-js: it calls this as node-gyp, in the folder where it then takes
// build/Release/menet.node away. Its --target (a version of Node) and --devdir mean nothing to a
// Node-API addon that cmake-js builds.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const build = path.join(import.meta.dirname, 'build_native.js');
const { status } = spawnSync(process.execPath, [build], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
mkdirSync('build/Release', { recursive: true });
copyFileSync(path.join(root, 'build/Release/menet.node'), 'build/Release/menet.node');
