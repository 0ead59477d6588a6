import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { html } from '../../src/report/page/html.js';
import { lineChart } from '../../src/report/page/line_chart.js';
import { page as pageOf } from '../../src/report/page/page.js';
import { chromium, startBrowser, visit, withoutChromium } from './browser.js';
import { temporaryFolder } from './recorded_run.js';

const { folder, remove } = temporaryFolder();
afterAll(remove);

const steps = [9, 1, 12, 2, 9, 1].map((y, i) => ({ x: i / 2, y: 1e6 * y }));
const epochs = [2.9, 1].map((y, i) => ({ x: i + 1, y: 1e6 * y }));
const single = [{ x: 1, y: 3.1e6 }];
const chart = lineChart({
  ...{ id: 'loss', title: 'Loss' },
  series: [
    { name: 'steps', color: 1, faint: true, points: steps },
    { name: 'one epoch', color: 2, points: single },
    { name: 'epochs', color: 3, points: epochs },
  ],
});

it('a chart has short labels', () => {
  const labels = [...chart.text.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label);
  expect(labels).toEqual(['0', '1M', '2M', '3M', 'epoch']);
});

it.skipIf(!chromium)(`lines stay in the frame of their chart${withoutChromium}`, async () => {
  const browser = await startBrowser();
  const file = path.join(folder, 'chart.html');
  const body = html`<main><div style="width:434px">${chart}</div></main>`; // 400 px of drawing
  writeFileSync(file, pageOf('A chart', body));
  const { page, complaints } = await visit(browser, file, 500);
  const { x, y, width } = (await (await page.$('#loss'))!.boundingBox())!;
  expect(width).toBe(400);
  const deviation = async (from: number, to: number) => {
    const clip = { x: x + 60, y: y + from, width: 320, height: to - from };
    const { channels } = await sharp(await page.screenshot({ clip })).stats();
    return Math.max(...channels.map(({ stdev }) => stdev));
  };
  await page.mouse.move(x + 170, y + 100); // a step far above the frame
  expect(await page.$$eval('circle.cursor', (found) => found.length)).toBe(1);
  await page.mouse.move(1, 1);
  expect(await deviation(0, 10)).toBe(0); // the frame begins at 12
  expect(await deviation(14, 100)).toBeGreaterThan(1);
  expect(complaints).toEqual([]);
  await browser.close();
});
