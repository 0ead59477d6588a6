import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runMenet } from './run_menet.js';

let folder: string;
let probe: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'menet-threads-'));
  probe = path.join(folder, 'probe.cjs');
  // Seventeen cores, and at the end the number of threads that there are.
  writeFileSync(
    probe,
    `const os = require('node:os');
    os.availableParallelism = () => 17;
    process.on('exit', () => {
      console.log(require('node:fs').readdirSync('/proc/self/task').length);
    });`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

async function threads(environment: NodeJS.ProcessEnv): Promise<number> {
  const { stdout } = await runMenet(['--version'], undefined, {
    NODE_OPTIONS: `--require ${probe}`,
    ...environment,
  });
  return Number(stdout.trim().split('\n').at(-1));
}

test.skipIf(process.platform !== 'linux')(
  "libuv's pool has a thread per core, or as many as the environment says",
  async () => {
    const few = await threads({ UV_THREADPOOL_SIZE: '4' });
    expect(await threads({ UV_THREADPOOL_SIZE: undefined })).toBe(few + 13);
  },
);
