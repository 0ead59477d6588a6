import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparisonPage } from '../../src/report/page/comparison_page.js';
import { readRun } from '../../src/report/run.js';
import { chromium, startBrowser, visit, withoutChromium } from './browser.js';
import {
  madeUpDetails,
  makePictures,
  RunScript,
  temporaryFolder,
  type MadeUpRun,
} from './recorded_run.js';

const { folder, remove } = temporaryFolder();
const patience = { timeout: 60_000 };
let browser: Browser;
let pictures: string[];

beforeAll(async () => {
  pictures = await makePictures(path.join(folder, 'pictures'), 3);
  if (chromium) browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  remove();
});

const classesOf = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);

/** Records a run up to an epoch, and ends it. */
async function record(run: MadeUpRun, epochs = run.epochs, shown = pictures): Promise<RunScript> {
  const script = new RunScript(run);
  await script.start();
  for (let epoch = 0; epoch < epochs; epoch++) {
    script.steps(epoch, 1, run.stepsPerEpoch);
    await script.epoch(epoch, madeUpDetails(run.classes.length, shown));
  }
  if (epochs === run.epochs) await script.recorder.end('finished');
  return script;
}

const pageOf = (run: MadeUpRun) => path.join(run.folder, 'report.html');
const texts = (page: Page, selector: string) =>
  page.$$eval(selector, (found) => found.map(({ textContent }) => textContent!.trim()));
const pointsOf = (page: Page, chart: string) =>
  page.$$eval(`#${chart} polyline`, (lines) =>
    lines.map((line) => line.getAttribute('points')!.split(' ').length),
  );

describe.skipIf(!chromium)(`the page of a run${withoutChromium}`, () => {
  it.each([1, 2, 12, 13, 1000])('shows %i classes without a complaint', async (count) => {
    const run = {
      folder: path.join(folder, `classes-${count}`),
      ...{ classes: classesOf(count), epochs: 4, stepsPerEpoch: 150 },
    };
    await record(run);
    const { page, complaints, requests } = await visit(browser, pageOf(run));
    expect(await pointsOf(page, 'loss')).toEqual([300, 4, 4]); // steps in pairs: 600 are too many
    expect(await pointsOf(page, 'learning-rate')).toEqual([300]);
    expect(await texts(page, 'h1')).toEqual([`classes-${count}`]);
    expect(await page.$$eval('.mistakes img', (found) => found.length)).toBe(count > 1 ? 3 : 0);
    const { channels } = await sharp(await page.screenshot({ fullPage: true })).stats();
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(10);
    expect(complaints).toEqual([]);
    expect(new Set(requests.filter((url) => !url.startsWith('data:')))).toEqual(
      new Set([pathToFileURL(pageOf(run)).href]),
    );
    expect((await page.content()).length).toBeLessThan(400_000);
    await page.close();
  });

  it('has the images of every pair of classes in its matrix', async () => {
    const run = { folder: path.join(folder, 'matrix'), classes: classesOf(3) };
    await record({ ...run, epochs: 1, stepsPerEpoch: 3 });
    const { page } = await visit(browser, path.join(run.folder, 'report.html'));
    expect(await texts(page, 'table.matrix tbody td')).toEqual([
      ...['40', '·', '1'],
      ...['·', '39', '2'],
      ...['2', '·', '39'],
    ]);
    expect(await texts(page, 'table.matrix tbody th')).toEqual(run.classes);
    const accuracies = await texts(page, '.bars .number');
    expect(accuracies.map((text) => text.replace(/\s+/g, ' '))).toEqual([
      '95.1 % of 41',
      '95.1 % of 41',
      '97.6 % of 41',
    ]);
    await page.close();
  });

  it('tells the images of a cell of a large matrix', async () => {
    const run = { folder: path.join(folder, 'cells'), classes: classesOf(200) };
    await record({ ...run, epochs: 1, stepsPerEpoch: 3 });
    const { page } = await visit(browser, path.join(run.folder, 'report.html'));
    await page.evaluate(`document.getElementById('matrix').scrollIntoView()`);
    const box = await (await page.$('#matrix'))!.boundingBox();
    const at = (cell: number) => ((cell + 0.5) / 100) * box!.width;
    await page.mouse.move(box!.x + at(2), box!.y + at(2)); // classes 4 and 5, and 4 taken for 5
    const tip = await texts(page, '#tip b, #tip td');
    expect(tip).toEqual([`${36 + 35 + 4} images`, 'class 4 … class 5', 'class 4 … class 5']);
    await page.close();
  });

  it('shows the values at the pointer and at the arrow keys', async () => {
    const run = { folder: path.join(folder, 'values'), classes: classesOf(2) };
    await record({ ...run, epochs: 3, stepsPerEpoch: 3 });
    const { page, complaints } = await visit(browser, path.join(run.folder, 'report.html'));
    const { epochs } = (await readRun(run.folder)).history;
    const values = epochs.map(({ valid }) => Number(valid.loss.toPrecision(5)));
    const box = (await (await page.$('#loss'))!.boundingBox())!;
    await page.mouse.move(box.x + box.width - 5, box.y + 60);
    const rows = await texts(page, '#tip tr');
    expect(await texts(page, '#tip b')).toEqual(['epoch 3']);
    expect(rows).toContain(`validation${values[2]}`);
    await page.mouse.move(1, 1);
    expect(await page.$$eval('#tip[hidden]', (found) => found.length)).toBe(1);
    await page.evaluate(`document.getElementById('loss').focus()`);
    await page.keyboard.press('ArrowLeft');
    expect(await texts(page, '#tip b')).toEqual(['epoch 2']);
    expect(await texts(page, '#tip tr')).toContain(`validation${values[1]}`);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('renews itself, keeps its place, and says when the run is over', async () => {
    const run = { folder: path.join(folder, 'live'), classes: classesOf(3) };
    const shape = { ...run, epochs: 3, stepsPerEpoch: 10 };
    const script = await record(shape, 1);
    await expect.poll(async () => (await readRun(run.folder)).snapshot?.epoch).toBe(0);
    const { page, complaints } = await visit(browser, pageOf(shape));
    await page.evaluate(`document.getElementById('configuration').setAttribute('open', '')`);
    await page.evaluate(`scrollTo(0, 700)`);
    script.steps(1, 1, 10);
    await script.epoch(1, madeUpDetails(3, pictures));
    await page.waitForFunction(
      `document.querySelectorAll('#epochs tbody tr').length === 2`,
      patience,
    );
    expect(await pointsOf(page, 'loss')).toEqual([20, 2, 2]);
    expect(await texts(page, '#classes > p')).toEqual(['Of the validation after epoch 2.']);
    expect(await page.evaluate('scrollY')).toBe(700);
    expect(await page.$$eval('details[open]', (found) => found.map(({ id }) => id))).toEqual([
      'configuration',
    ]);
    expect(await texts(page, '.state')).toEqual(['running']);
    await script.recorder.end('stopped early');
    await page.waitForFunction(
      `document.getElementById('freshness').textContent.startsWith('This run is over')`,
      patience,
    );
    expect(await texts(page, '.state')).toEqual(['stopped early: nothing better came']);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows hostile names as they are', async () => {
    const hostile = [
      '</script><script>window.hacked = 1</script>',
      '<img src=x onerror="window.hacked = 2">',
      `"' onmouseover=window.hacked=3 x='`,
      '</style></svg><svg onload=window.hacked=4>',
      '&lt;b&gt; \\u003c ${1} `',
    ];
    const run = { folder: path.join(folder, '<b onclick=1>&amp;'), classes: hostile };
    const file = path.join(folder, '"><script>window.hacked = 5<!--.png');
    writeFileSync(file, await sharp(pictures[0]).toBuffer());
    await record({ ...run, epochs: 1, stepsPerEpoch: 2 }, 1, [file, file, file, file, file]);
    const { page, complaints } = await visit(
      browser,
      pageOf({ ...run, epochs: 1, stepsPerEpoch: 2 }),
    );
    expect(await texts(page, 'h1')).toEqual(['<b onclick=1>&amp;']);
    expect(await texts(page, 'table.matrix tbody th')).toEqual(hostile);
    expect(await texts(page, '.mistakes .file')).toEqual(
      Array<string>(5).fill(path.basename(file)),
    );
    const box = (await (await page.$('#loss'))!.boundingBox())!;
    await page.mouse.move(box.x + 100, box.y + 60);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.$$eval('script', (found) => found.length)).toBe(1);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('needs no scrolling sideways on a phone', async () => {
    const run = { folder: path.join(folder, 'phone'), classes: classesOf(12) };
    await record({ ...run, epochs: 2, stepsPerEpoch: 5 });
    const { page } = await visit(browser, path.join(run.folder, 'report.html'), 360);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    await page.close();
  });

  it('is readable before the first validation, and with figures that are none', async () => {
    const run = { folder: path.join(folder, 'young'), classes: classesOf(2) };
    const script = await record({ ...run, epochs: 2, stepsPerEpoch: 5 }, 0);
    script.recorder.step({
      ...{ epoch: 0, step: 1, globalStep: 1, learningRate: 0.1, loss: NaN, images: 4 },
      ...{ correct: { top1: 0, top5: 0 }, milliseconds: 5, waited: 1 },
    });
    await script.recorder.end('diverged');
    const { page, complaints } = await visit(browser, path.join(run.folder, 'report.html'));
    expect(await texts(page, '.state')).toEqual(['diverged: the loss is no number']);
    expect(await page.$$eval('#loss', (found) => found.length)).toBe(0);
    expect(await pointsOf(page, 'top1')).toEqual([1]);
    expect(await texts(page, '#classes p')).toEqual(['The first validation will show here.']);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

describe.skipIf(!chromium)(`a failed run${withoutChromium}`, () => {
  it('says so and why, on its page and in a comparison', async () => {
    const run = { folder: path.join(folder, 'failed'), classes: classesOf(2) };
    const script = await record({ ...run, epochs: 2, stepsPerEpoch: 2 }, 1);
    await script.recorder.end('failed', 'too many <broken> images');
    const { page } = await visit(browser, path.join(run.folder, 'report.html'));
    expect(await texts(page, '.state, .reason')).toEqual(['failed', 'too many <broken> images']);
    const time = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.source;
    const [freshness] = await texts(page, '#freshness');
    expect(freshness).toMatch(new RegExp(`^This run is over. Written ${time}\\.$`));
    expect(readFileSync(path.join(run.folder, 'report.html'), 'utf8')).toMatch(
      new RegExp(`>written ${time}<`),
    );
    const file = path.join(folder, 'failed.html');
    writeFileSync(file, comparisonPage([await readRun(run.folder)]));
    await page.goto(pathToFileURL(file).href);
    const [outcome] = await texts(page, '#top tbody td');
    expect(outcome).toBe('failed: too many <broken> images');
    expect((await texts(page, 'footer'))[0]).toMatch(new RegExp(`^written ${time}$`));
    await page.close();
  });
});

describe.skipIf(!chromium)(`the page that compares runs${withoutChromium}`, () => {
  it('overlays their curves and lists how they differ', async () => {
    const runs = [0.1, 0.2, 0.4].map((learningRate, i) => ({
      folder: path.join(folder, `rate-${learningRate}`),
      ...{ classes: classesOf(2), epochs: 2 + i, stepsPerEpoch: 4, learningRate },
    }));
    for (const run of runs) {
      await record(run);
      const configuration = { optimizer: { learning_rate: run.learningRate, name: 'SGD' } };
      writeFileSync(path.join(run.folder, 'config.json'), JSON.stringify(configuration));
    }
    const file = path.join(folder, 'comparison.html');
    const read = await Promise.all(runs.map((run) => readRun(run.folder)));
    writeFileSync(file, comparisonPage(read));
    const { page, complaints } = await visit(browser, file);
    expect(await pointsOf(page, 'valid-top1')).toEqual([2, 3, 4]);
    expect(await pointsOf(page, 'learning-rate')).toEqual([8, 12, 16]);
    expect(await texts(page, '#top tbody th')).toEqual(['rate-0.1', 'rate-0.2', 'rate-0.4']);
    expect(await texts(page, '#differences tbody tr > *')).toEqual([
      'optimizer.learning_rate',
      ...['0.1', '0.2', '0.4'],
    ]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
