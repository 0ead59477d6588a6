import { expect, it } from 'vitest';
import { demoPage } from '../../src/cli/demo_page.js';

const epoch = (index: number) => {
  const means = { images: 10, loss: 2 / (index + 1), top1: 40 * (index + 1), top5: 100 };
  return { epoch: index, learning_rate: 0.1, train: means, valid: means, seconds: 1 };
};

const page = demoPage({
  network: 'MENet <small>',
  seconds: 101.6,
  epochs: [epoch(0), epoch(1)],
  evaluation: { images: 10, skipped: 0, loss: 1, top1: 93.75, top5: 100, images_per_second: 9 },
  predictions: [
    {
      jpeg: Buffer.from([255, 216]),
      truth: 'star',
      top: [{ class: 6, label: 'star', probability: 0.97 }],
    },
    {
      jpeg: Buffer.from([255, 216]),
      truth: 'heart',
      top: [{ class: 0, label: 'circle', probability: 0.5 }],
    },
  ],
});

it('holds everything itself', () => {
  const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address);
  expect(addresses).toEqual(['data:image/jpeg;base64,/9g=', 'data:image/jpeg;base64,/9g=']);
  expect(page).not.toContain('<script');
});

it('shows figures, curves, and right and wrong predictions', () => {
  expect(page).toContain('MENet &#60;small&#62;');
  expect(page).toContain('93.8 %');
  expect(page.match(/<polyline points="/g)).toHaveLength(4);
  expect(page).toMatch(/class="right">✓ star<\/span> 97 %/);
  expect(page).toMatch(/class="wrong">✗ circle<\/span> 50 %<br>is heart/);
});

it('draws values in proportion', () => {
  const [points] = [...page.matchAll(/<polyline points="([^"]*)"/g)].map(([, text]) =>
    text!.split(' ').map((point) => point.split(',').map(Number)),
  );
  const [[x0, y0], [x1, y1]] = points as [[number, number], [number, number]];
  expect(x1).toBeGreaterThan(x0);
  const bottom = 280 - 26;
  expect((bottom - y0) / (bottom - y1)).toBeCloseTo(2, 1);
});
