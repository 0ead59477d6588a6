import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noAugmentation } from '../../src/data/augmentation.js';
import { drawColorJitter } from '../../src/data/color_jitter.js';
import { decodeSampleImage, makeSample } from '../../src/data/decode.js';
import { transforms } from '../../src/data/transforms.js';
import { randomStream } from '../../src/random.js';
import { formulaImage, torchvision } from './torchvision_reference.js';

const size = { width: 500, height: 375 };
const stream = () => randomStream(3, 1, 2);
let folder: string;
let file: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'menet-samples-'));
  file = path.join(folder, 'formula.png');
  await sharp(formulaImage(size).data, { raw: { ...size, channels: 3 } }).toFile(file);
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([...transforms])(
  "%s: a file becomes torchvision's pixels, to the bit",
  async (name, it) => {
    const { placement, jitter, hash } = torchvision.samples[name]!;
    const random = stream();
    expect(it.place(size, 224, random)).toEqual(placement);
    expect(it.colorJitter ? drawColorJitter(random) : null).toEqual(jitter);
    const out = new Uint8Array(224 * 224 * 3);
    const options = { transform: it, imageSize: 224, augmentation: noAugmentation };
    makeSample(await decodeSampleImage(file), options, stream(), out);
    expect(createHash('sha256').update(out).digest('hex').slice(0, 16)).toBe(hash);
  },
);
