import { existsSync } from 'node:fs';
import path from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser of `CHROMIUM`, or the first one on the path. */
export const chromium =
  process.env.CHROMIUM ??
  (process.env.PATH ?? '')
    .split(path.delimiter)
    .flatMap((folder) => names.map((name) => path.join(folder, name)))
    .find((file) => existsSync(file));

/** For the names of tests that need it. */
export const withoutChromium = chromium
  ? ''
  : ' (skipped: no Chromium; CHROMIUM or the path has none)';

export function startBrowser(): Promise<Browser> {
  // Containers have neither its sandbox's privileges nor much shared memory.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  return puppeteer.launch({ executablePath: chromium!, args });
}

/** A page in the browser, and everything that it complained about or asked for. */
export interface Visit {
  page: Page;
  complaints: string[];
  requests: string[];
}

/** Opens a file as a double click does. */
export async function visit(browser: Browser, file: string, width = 1200): Promise<Visit> {
  const page = await browser.newPage();
  const found: Visit = { page, complaints: [], requests: [] };
  await page.setViewport({ width, height: 900 });
  page.on('pageerror', (error) => found.complaints.push(String(error)));
  page.on('console', (message) => found.complaints.push(message.text()));
  page.on('requestfailed', (request) => found.complaints.push(`failed: ${request.url()}`));
  page.on('request', (request) => found.requests.push(request.url()));
  await page.goto(`file://${file}`);
  return found;
}
