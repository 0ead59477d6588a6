import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage, readImage } from '../../src/data/decode.js';
import { randomStream } from '../../src/random.js';
import { InputError } from '../../src/errors.js';

const root = path.resolve(import.meta.dirname, '../..');
const shared = process.env.MENET_SHARED ?? path.resolve(root, '../shared');
const width = 20;
const height = 12;
/** A smooth picture: red grows to the right, green downwards. */
const rgb = new Uint8Array(width * height * 3);
for (let p = 0; p < width * height; p++) {
  rgb.set([(p % width) * 12, Math.floor(p / width) * 20, 100], p * 3);
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'menet-decode-'));
});
afterAll(() => rm(dir, { recursive: true }));

const picture = (pixels = rgb, channels: 1 | 3 | 4 = 3) =>
  sharp(pixels, { raw: { width, height, channels } });

async function write(name: string, image: Sharp): Promise<string> {
  const file = path.join(dir, name);
  await image.toFile(file);
  return file;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

async function failure(file: string): Promise<string> {
  const error: unknown = await readImage(file).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toContain(file);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message;
}

describe('kinds of images', () => {
  test('JPEG, PNG and WebP, the lossless ones exactly', async () => {
    const png = await readImage(await write('a.png', picture().png()));
    expect(png).toMatchObject({ width, height });
    expect(meanDifference(png.data, rgb)).toBe(0);
    const webp = await readImage(await write('a.webp', picture().webp({ lossless: true })));
    expect(meanDifference(webp.data, rgb)).toBe(0);
    const jpeg = await readImage(await write('a.jpg', picture().jpeg({ quality: 95 })));
    expect(meanDifference(jpeg.data, rgb)).toBeLessThan(3);
  });

  test('grey is repeated', async () => {
    const grey = Uint8Array.from({ length: width * height }, (_, p) => p);
    const file = await write(
      'grey.jpg',
      picture(grey, 1).toColourspace('b-w').jpeg({ quality: 100 }),
    );
    expect((await sharp(file).metadata()).channels).toBe(1);
    const { data } = await readImage(file);
    expect(
      meanDifference(
        data,
        Uint8Array.from(rgb, (_, i) => grey[Math.floor(i / 3)]!),
      ),
    ).toBeLessThan(1);
  });

  test('alpha is dropped, not blended', async () => {
    // WebP encoders clear what is wholly transparent, PNG's keep it.
    for (const [format, clearest] of [
      ['png', 0],
      ['webp', 1],
    ] as const) {
      const rgba = new Uint8Array(width * height * 4);
      for (let p = 0; p < width * height; p++) {
        rgba.set([...rgb.subarray(p * 3, p * 3 + 3), p % 3 === 0 ? clearest : 77], p * 4);
      }
      const image = picture(rgba, 4).toFormat(format, { lossless: true });
      const { data } = await readImage(await write(`alpha.${format}`, image));
      expect(meanDifference(data, rgb)).toBe(0);
    }
  });

  test('palettes are expanded, also with transparent entries', async () => {
    const flat = Uint8Array.from(rgb, (_, i) => (i % 3 === 0 ? 200 : 30));
    const file = await write('palette.png', picture(flat).png({ palette: true }));
    expect((await sharp(file).metadata()).isPalette).toBe(true);
    expect(meanDifference((await readImage(file)).data, flat)).toBe(0);
  });

  test('of 16 bits the upper eight are taken', async () => {
    const file = await write('deep.png', picture().toColourspace('rgb16').png());
    expect((await sharp(file).metadata()).depth).toBe('ushort');
    expect(meanDifference((await readImage(file)).data, rgb)).toBe(0);
  });

  test('CMYK is converted without a profile', async () => {
    const cmyk = await write('cmyk.jpg', picture().toColourspace('cmyk').jpeg({ quality: 100 }));
    expect((await sharp(cmyk).metadata()).channels).toBe(4);
    const inks = await sharp(cmyk)
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw()
      .toBuffer();
    const { data } = await readImage(cmyk);
    const expected = data.map((_, i) => {
      const pixel = Math.floor(i / 3) * 4;
      return ((255 - inks[pixel + (i % 3)]!) * (255 - inks[pixel + 3]!)) / 255 + 0.5;
    });
    expect(meanDifference(data, expected)).toBeLessThan(0.05);
    // Not inverted: where there was more red, there is.
    expect(data[(width - 1) * 3]!).toBeGreaterThan(data[0]! + 100);
  });

  test('orientation tags and colour profiles are ignored', async () => {
    const turned = await write('turned.png', picture().withMetadata({ orientation: 6 }).png());
    expect(meanDifference((await readImage(turned)).data, rgb)).toBe(0);
    const profiled = await write('profile.png', picture().withIccProfile('p3').png());
    const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
    expect(meanDifference(stored, rgb)).toBeGreaterThan(2);
    expect(meanDifference((await readImage(profiled)).data, stored)).toBe(0);
  });
});

describe('files that are no images', () => {
  test('missing, empty, and something else', async () => {
    expect(await failure(path.join(dir, 'missing.jpg'))).toContain('ENOENT');
    expect(await failure(dir)).toContain('EISDIR');
    const empty = path.join(dir, 'empty.jpg');
    await writeFile(empty, '');
    expect(await failure(empty)).toContain('empty file');
    const text = path.join(dir, 'text.jpg');
    await writeFile(text, '<html>404 not found</html>');
    expect(await failure(text)).toContain('cannot be decoded');
  });

  test.each(['jpg', 'png', 'webp'] as const)('a %s cut anywhere', async (kind) => {
    const random = randomStream(1, 2, 3);
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, () => random() * 256);
    const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .toFormat(kind)
      .toBuffer();
    const file = path.join(dir, `cut.${kind}`);
    await writeFile(file, whole);
    await readImage(file);
    // A PNG may lack its last 16 bytes: checksum and end mark, after all pixels.
    for (const missing of [kind === 'png' ? 17 : 1, 30, 400, whole.length / 2, whole.length - 9]) {
      await writeFile(file, whole.subarray(0, whole.length - missing));
      expect(await failure(file)).toContain('cannot be decoded');
    }
  });

  test('one with more pixels than anybody photographs, before it is unpacked', async () => {
    const file = await write('small.png', picture().png());
    const bytes = await readFile(file);
    bytes.writeUInt32BE(20_000, 16);
    bytes.writeUInt32BE(20_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    await writeFile(file, bytes);
    expect(await failure(file)).toMatch(/pixel limit/);
  });

  function crc32(bytes: Uint8Array): number {
    let crc = -1;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
  }
});

describe('decodeImage', () => {
  test('as it is, or transformed', async () => {
    const file = await write('b.png', picture().png());
    const asItIs = await decodeImage(file, { imageSize: 8, resize: false });
    expect(asItIs).toMatchObject({ width, height });
    expect(meanDifference(asItIs.pixels, rgb)).toBe(0);
    const small = await decodeImage(file, { imageSize: 8 });
    expect(small).toMatchObject({ width: 8, height: 8 });
    expect(small.pixels.length).toBe(8 * 8 * 3);
    const named = await decodeImage(file, { imageSize: 8, transform: 'evaluate' });
    expect(named.pixels).toEqual(small.pixels);
    await expect(decodeImage(file, { imageSize: 0 })).rejects.toThrow(/imageSize/);
    await expect(decodeImage(file, { imageSize: 8, transform: 'x' })).rejects.toThrow(/transform/);
  });

  const photos = path.join(shared, 'photos');
  test.skipIf(!existsSync(photos))(
    `the evaluation crop is Pillow's${existsSync(photos) ? '' : ' (skipped: no reference data)'}`,
    async () => {
      for (const name of ['chelsea.png', 'coffee.png', 'grace_hopper.jpg']) {
        const { pixels } = await decodeImage(path.join(photos, name), { imageSize: 224 });
        const crop = await readImage(path.join(photos, name.replace(/\.\w+$/, '.crop224.png')));
        // The PNGs agree to the bit; JPEG decoders may differ in the last one.
        expect(meanDifference(pixels, crop.data)).toBeLessThanOrEqual(
          name.endsWith('png') ? 0 : 0.3,
        );
      }
    },
  );
});
