import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { makeTinyRun, type TinyRun } from '../train/tiny_run.js';
import { runMenet } from './run_menet.js';

let tiny: TinyRun;
let checkpoint: string;
let image: string;

beforeAll(async () => {
  tiny = await makeTinyRun();
  checkpoint = path.join(tiny.folder, 'runs/first/best.safetensors');
  image = path.join(tiny.folder, 'images/valid/star/star_0.jpg');
});
afterAll(() => tiny.remove());

function trainArguments(label: string): string[] {
  const { data, model, optim, sched, folder } = tiny;
  return [
    ...['train', '--data', data, '--model', model, '--optim', optim, '--sched', sched],
    ...['--label', label, '--out', path.join(folder, 'runs')],
  ];
}

/** A configuration of the run with some fields changed, in a file of its own. */
function changed(file: string, fields: object): string {
  const copy = file.replace(/\.json$/, '_changed.json');
  writeFileSync(copy, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...fields }));
  return copy;
}

describe('a tiny run', () => {
  it('trains, with plain lines of progress', async () => {
    const { code, stdout, stderr } = await runMenet([
      ...trainArguments('first'),
      '--print-freq',
      '2',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^train 1\/2 {2}2\/3 {2}loss \d+\.\d{4} \(\d+\.\d{4}\) {2}top-1 .* top-5 .* images\/s {2}step .* ms {2}data .* ms$/m,
    );
    expect(stdout).toMatch(/^valid 2\/2 {2}2\/2 /m);
    expect(stdout).toContain(`best top-1`);
  });

  it('trains with --json: one document, progress on standard error', async () => {
    const { code, stdout, stderr } = await runMenet([...trainArguments('json'), '--json']);
    expect(code).toBe(0);
    const summary = JSON.parse(stdout) as { epochs: object[]; interrupted: boolean };
    expect(summary).toMatchObject({ interrupted: false });
    expect(summary.epochs).toHaveLength(2);
    expect(stderr).toMatch(/^train 1\/2 /m);
  });

  it('starts from scratch where --resume finds no checkpoint, and says so', async () => {
    const optim = changed(tiny.optim, { epochs: 1 });
    const args = [...trainArguments('fresh'), '--optim', optim, '--resume'];
    const { code, stdout } = await runMenet(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^no checkpoint at .*last\.safetensors; training from scratch\n/);
    expect(stdout).toMatch(/^train 1\/1 {2}3\/3 {2}summary {2}loss/m);
  });

  it('begins with the weights of a checkpoint, and names what it leaves', async () => {
    const model = changed(tiny.model, { num_classes: 3 });
    const data = path.join(tiny.folder, 'three');
    for (const part of ['train', 'valid'])
      for (const label of ['heart', 'ring', 'star']) {
        const from = path.join(tiny.folder, 'images', part, label);
        cpSync(from, path.join(data, part, label), { recursive: true });
      }
    const roots = { train_root: path.join(data, 'train'), valid_root: path.join(data, 'valid') };
    const { code, stdout } = await runMenet([
      ...[...trainArguments('tuned'), '--model', model, '--data', changed(tiny.data, roots)],
      ...['--optim', changed(tiny.optim, { freeze_backbone: true }), '--pretrained', checkpoint],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'best.safetensors: classifier.weight [8, 48], classifier.bias [8] not taken: ' +
        'this network has 3 classes\n',
    );
    const frozen = 'features.init.conv.weight';
    const run = path.join(tiny.folder, 'runs', 'tuned', 'last.safetensors');
    const [tuned, source] = [await readCheckpoint(run), await readCheckpoint(checkpoint)];
    expect(tuned.tensors.get(frozen)).toEqual(source.tensors.get(frozen));
  });

  it('evaluates', async () => {
    const { code, stdout } = await runMenet([
      ...['evaluate', '--data', tiny.data, '--model', tiny.model],
      ...['--checkpoint', checkpoint, '--json'],
    ]);
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as Record<string, number>;
    expect(Object.keys(found)).toEqual([
      ...['images', 'skipped', 'loss', 'top1', 'top5', 'images_per_second'],
    ]);
    const { metadata } = await readCheckpoint(checkpoint);
    expect(found).toMatchObject({ images: 16, skipped: 0, top1: metadata.best_prec1 });
  });

  it('evaluates the best checkpoint of a run with train --evaluate', async () => {
    const { code, stdout } = await runMenet([...trainArguments('first'), '--evaluate', '--json']);
    const { metadata } = await readCheckpoint(checkpoint);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ images: 16, top1: metadata.best_prec1 });
  });

  it.each(['menet', 'cpu', 'wasm'])(
    'predicts on %s with the names of its classes',
    async (backend) => {
      const { code, stdout } = await runMenet([
        ...['predict', '--model', tiny.model, '--checkpoint', checkpoint, '--json', '--top', '3'],
        ...['--backend', backend, image, '--no-resize'],
      ]);
      expect(code).toBe(0);
      const [result] = JSON.parse(stdout) as {
        image: string;
        top: { class: number; label: string; probability: number }[];
      }[];
      expect(result?.image).toBe(image);
      expect(result?.top).toHaveLength(3);
      const names = ['circle', 'crescent', 'cross', 'heart', 'ring', 'square', 'star', 'triangle'];
      for (const { class: index, label } of result!.top) expect(label).toBe(names[index]);
      const [first, second] = result!.top.map(({ probability }) => probability);
      expect(first).toBeGreaterThanOrEqual(second!);
      expect(first).toBeLessThanOrEqual(1);
    },
  );
});

describe('inspect', () => {
  const network = path.resolve(
    import.meta.dirname,
    '../../config/imagenet/model-config/menet/108-MENet-8x1-group-3.json',
  );

  it('prints JSON and draws the network', async () => {
    const picture = path.join(tiny.folder, 'network.svg');
    const args = ['inspect', '--model', network, '--json', '--graph', picture];
    const { code, stdout, stderr } = await runMenet(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const found = JSON.parse(stdout) as { layers: { params: number; macs: number }[] };
    expect(found).toMatchObject({
      name: '108-MENet-8x1-group-3',
      params: 654516,
      macs: 38287440,
      input: [224, 224, 3],
    });
    expect(Object.keys(found.layers[0]!)).toEqual(['name', 'type', 'output', 'params', 'macs']);
    expect(found.layers.reduce((sum, { params }) => sum + params, 0)).toBe(654516);
    expect(readFileSync(picture, 'utf8')).toMatch(/^<\?xml[^]*<svg [^]*<\/svg>\s*$/);
  });

  it.each([
    ['menet/108-MENet-8x1-group-3', '654,516 +38,287,440'],
    ['shufflenet/ShuffleNet-2x-group-3', '5,450,776 +524,045,184'],
    ['mobilenet/1x-MobileNet-224', '4,231,976 +568,740,352'],
  ])('prints a table of %s', async (name, counts) => {
    const file = path.join(path.dirname(network), '..', `${name}.json`);
    const { stdout } = await runMenet(['inspect', '--model', file]);
    expect(stdout).toMatch(new RegExp(`^${path.basename(name)} +${counts}$`, 'm'));
  });
});

describe('broken images', () => {
  it('are named and left out', async () => {
    const broken = path.join(tiny.folder, 'images/train/star/star_1.jpg');
    const whole = readFileSync(broken);
    writeFileSync(broken, whole.subarray(0, whole.length / 2));
    const { code, stdout } = await runMenet(trainArguments('broken'));
    writeFileSync(broken, whole);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^skipped .*star_1\.jpg: cannot be decoded/m);
  });

  it('stop the run when there are too many', async () => {
    const broken = path.join(tiny.folder, 'images/valid/star/star_1.jpg');
    const whole = readFileSync(broken);
    writeFileSync(broken, '');
    const { code, stderr } = await runMenet([
      ...['evaluate', '--data', tiny.data, '--model', tiny.model, '--checkpoint', checkpoint],
    ]);
    writeFileSync(broken, whole);
    expect(code).toBe(2);
    expect(stderr).toMatch(/valid: expected at most 5 % broken images, got 1 of 16, the first: .*/);
  });
});

describe('Ctrl-C', () => {
  const lastState = async (label: string) => {
    const file = path.join(tiny.folder, 'runs', label, 'last.safetensors');
    return (await readCheckpoint(file)).metadata as { last_epoch: number; step: number };
  };

  it('ends after the current step with a checkpoint, and --resume goes on', async () => {
    const optim = changed(tiny.optim, { epochs: 200 });
    const args = [...trainArguments('stopped'), '--optim', optim, '--print-freq', '1'];
    let sent = false;
    const stopped = await runMenet(args, (output, child) => {
      if (!sent && /^train 2\/200 {2}1\/3/m.test(output)) sent = child.kill('SIGINT');
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain('interrupted; --resume goes on from');
    const { last_epoch, step } = await lastState('stopped');
    expect(last_epoch).toBe(0);
    expect(step).toBeGreaterThanOrEqual(1);

    const finish = changed(tiny.optim, { epochs: 2 });
    const resumed = await runMenet([
      ...[...trainArguments('stopped'), '--optim', finish, '--print-freq', '1', '--resume'],
    ]);
    expect(resumed.code).toBe(0);
    const next = step < 3 ? `train 2/2  ${step + 1}/3` : 'valid 2/2  1/2';
    expect(resumed.stdout.split('\n')[0]).toContain(next);
    expect(await lastState('stopped')).toMatchObject({ last_epoch: 1, step: 0 });
  });

  it('ends at once the second time', async () => {
    const optim = changed(tiny.optim, { epochs: 200 });
    const args = [...trainArguments('killed'), '--optim', optim, '--print-freq', '1'];
    let sent = 0;
    const { code, stdout } = await runMenet(args, (output, child) => {
      if (sent === 0 && output.startsWith('train 1/')) sent += Number(child.kill('SIGTERM'));
      if (sent === 1 && output.includes('ending after')) sent += Number(child.kill('SIGTERM'));
    });
    expect(sent).toBe(2);
    expect(code).toBe(143);
    expect(stdout).not.toContain('interrupted;');
  });
});
