import { loadSharp } from '../data/decode.js';

const side = 128; // pixels

/** A small JPEG of an image file in base64, or null where it cannot be read. */
export async function thumbnail(file: string): Promise<string | null> {
  const sharp = await loadSharp();
  try {
    const jpeg = await sharp(file, { failOn: 'none' })
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .removeAlpha()
      .toColourspace('srgb')
      .jpeg({ quality: 72 })
      .toBuffer();
    return jpeg.toString('base64');
  } catch {
    return null; // the mistake counts without its picture
  }
}
