import { describe, expect, it } from 'vitest';
import { createProgress, type StepReport } from '../../src/train/progress.js';

/** A stream that keeps what is written. */
function recorder(terminal: { isTTY?: boolean; columns?: number } = {}) {
  const written: string[] = [];
  return { written, stream: { ...terminal, write: (text: string) => written.push(text) } };
}

function report(done: number): StepReport {
  const averages = { images: 8 * done, loss: 1 / done, top1: 25, top5: 75.5 };
  const step = { loss: 2 / done, correct: { top1: 1, top5: 7 }, images: 8 };
  return { done, averages, ...step, milliseconds: 20, waited: 0.5 };
}

describe('lines', () => {
  it('come every few steps with the step’s value and the mean, and a summary at the end', () => {
    const { written, stream } = recorder({ isTTY: true });
    const progress = createProgress(stream, 4);
    progress.start('train 1/2', 10);
    for (let step = 1; step <= 10; step++)
      progress.step({ ...report(step), milliseconds: 10 * step, waited: step });
    progress.finish();
    expect(written.join('').split('\n')).toEqual([
      'train 1/2   4/10  loss 0.5000 (0.2500)  top-1 12.50 (25.00)  top-5 87.50 (75.50)  ' +
        '320 images/s  step 40.0 (25.0) ms  data 4.0 (2.5) ms',
      'train 1/2   8/10  loss 0.2500 (0.1250)  top-1 12.50 (25.00)  top-5 87.50 (75.50)  ' +
        '123 images/s  step 80.0 (45.0) ms  data 8.0 (4.5) ms',
      'train 1/2  10/10  summary  loss 0.1000  top-1 25.00  top-5 75.50',
      '',
    ]);
  });

  it('are none for a phase without steps', () => {
    const { written, stream } = recorder();
    const progress = createProgress(stream, 1);
    progress.start('a', 1);
    progress.step(report(1));
    progress.finish();
    progress.start('b', 1);
    progress.finish();
    expect(written).toHaveLength(2);
  });
});

describe('the bar', () => {
  it('is one line, drawn again and again, that stays when the phase ends', () => {
    const { written, stream } = recorder({ isTTY: true, columns: 300 });
    const progress = createProgress(stream);
    progress.start('train 1/2', 4);
    for (let step = 1; step <= 2; step++) progress.step(report(step));
    expect(written.join('')).not.toContain('\n');
    progress.finish();
    expect(written.at(-1)).toBe(
      '\r\x1b[Ktrain 1/2 ━━━━━━━━━━━━──────────── 2/4 loss 0.500 top-1 25.0 top-5 75.5 ' +
        '400 img/s 20.0 ms data 0.5 0:00\n',
    );
  });

  it('shows all figures on 80 columns, with what bar there is room for', () => {
    const { written, stream } = recorder({ isTTY: true, columns: 80 });
    const progress = createProgress(stream);
    progress.start('train 12/90', 999);
    progress.step(report(500));
    progress.finish();
    expect(written.at(-1)).toBe(
      '\r\x1b[Ktrain 12/90 500/999 loss 0.002 top-1 25.0 top-5 75.5 400 img/s 20.0 ms data 0.5\n',
    );
  });

  it.each([
    [60, 'train 1/2 1/4 loss 1.000 top-1 25.0 top-5 75.5 400 img/s'],
    [46, 'train 1/2 1/4 loss 1.000 top-1 25.0 400 img/s'],
    [45, 'train 1/2 loss 1.000 top-1 25.0 400 img/s'],
    [40, 'loss 1.000 top-1 25.0 400 img/s'],
    [11, 'top-1 25.0'],
    [5, ''],
  ])('drops whole figures where %i columns have no room, the main ones last', (columns, line) => {
    const { written, stream } = recorder({ isTTY: true, columns });
    const progress = createProgress(stream);
    progress.start('train 1/2', 4);
    progress.step(report(1));
    progress.finish();
    expect(written.at(-1)).toBe(`\r\x1b[K${line}\n`);
  });

  it('puts notes above the bar', () => {
    const { written, stream } = recorder({ isTTY: true, columns: 300 });
    const progress = createProgress(stream);
    progress.start('train 1/2', 4);
    progress.step(report(1));
    progress.note('a note');
    expect(written.slice(-2)[0]).toBe('\r\x1b[Ka note\n');
    expect(written.at(-1)?.startsWith('\r\x1b[Ktrain 1/2 ')).toBe(true);
  });
});
