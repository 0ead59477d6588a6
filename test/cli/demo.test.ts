import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runMenet } from './run_menet.js';

it.skipIf(!process.env.MENET_TEST_ALL)(
  'the demo learns its shapes and writes its page',
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'menet-demo-'));
    const { code, stdout } = await runMenet(['demo', '--out', folder]);
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/480 images \(0 skipped\).*top-1 9\d/);
    const page = readFileSync(path.join(folder, 'index.html'), 'utf8');
    expect(page.match(/class="(right|wrong)">[✓✗]/g)).toHaveLength(24);
    expect(page.match(/<polyline/g)).toHaveLength(12);
    rmSync(folder, { recursive: true });
  },
  600_000,
);
