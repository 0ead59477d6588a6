import { expect, it } from 'vitest';
import { demoPage } from '../../src/cli/demo_page.js';
import { RunHistory } from '../../src/report/run_history.js';

const page = demoPage({ name: 'shapes', history: new RunHistory() }, [
  {
    jpeg: Buffer.from([255, 216]),
    truth: 'star',
    top: [{ class: 6, label: 'star', probability: 0.97 }],
  },
  {
    jpeg: Buffer.from([255, 216]),
    truth: 'heart',
    top: [{ class: 0, label: '<b>circle', probability: 0.5 }],
  },
]);

it('holds everything itself', () => {
  const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address);
  expect(addresses).toEqual(['data:image/jpeg;base64,/9g=', 'data:image/jpeg;base64,/9g=']);
});

it('shows right and wrong predictions', () => {
  const text = page.replace(/\s+/g, ' ');
  expect(text).toMatch(/class="right">✓ star<\/span> 97 %/);
  expect(text).toMatch(/class="wrong">✗ &#60;b&#62;circle<\/span> 50 % <br \/>is heart/);
});
