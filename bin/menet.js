#!/usr/bin/env node
// A CommonJS module: importing an ES module starts libuv's thread pool, in which images are
// decompressed, and the pool's size is read then. Four threads, the default, are too few for
// more than four cores.
const { availableParallelism } = require('node:os');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

import('../dist/cli/main.js').then(async ({ main }) => {
  process.exitCode = await main(process.argv.slice(2));
});
