import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { checkConfig } from '../config_file.js';
import { reject } from '../errors.js';
import type { ValidationDetails } from '../train/validation_details.js';
import { thumbnail } from './thumbnail.js';

const index = z.int().min(0);

const snapshotSchema = z.object({
  /** The epoch that was validated, from 0. */
  epoch: index,
  classes: z.array(z.string()).min(1),
  /** [true class, predicted class, images], where there are any. */
  confusion: z.array(z.tuple([index, index, z.int().min(1)])),
  /** Most wrong first. */
  worst: z.array(
    z.object({
      file: z.string(),
      label: index,
      predicted: index,
      probability: z.number(),
      confidence: z.number(),
      loss: z.number(),
      /** A small picture in base64; null where the image could not be read. */
      jpeg: z.base64().nullable(),
    }),
  ),
});

/** What `validation.json` holds: where the network went wrong in its last validation. */
export type ValidationSnapshot = z.output<typeof snapshotSchema>;

/** Completes the details of a validation with small pictures. */
export async function takeSnapshot(
  epoch: number,
  classes: readonly string[],
  { confusion, worst }: ValidationDetails,
): Promise<ValidationSnapshot> {
  const sparse: ValidationSnapshot['confusion'] = [];
  confusion.forEach((images, i) => {
    if (images > 0) sparse.push([Math.floor(i / classes.length), i % classes.length, images]);
  });
  const pictured = worst.map(async (mistake) => ({
    ...mistake,
    jpeg: await thumbnail(mistake.file),
  }));
  return { epoch, classes: [...classes], confusion: sparse, worst: await Promise.all(pictured) };
}

/**
 * Reads `validation.json`; undefined where there is none.
 * @throws InputError where it is something else.
 */
export async function readSnapshot(file: string): Promise<ValidationSnapshot | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    reject(file, 'a file that can be read', code);
  }
  const snapshot = checkConfig(file, snapshotSchema, parse(file, text));
  const { classes, confusion, worst } = snapshot;
  const labels = [...confusion.flatMap(([t, p]) => [t, p]), ...worst.map(({ label }) => label)];
  const wrong = [...labels, ...worst.map(({ predicted }) => predicted)].find(
    (label) => label >= classes.length,
  );
  if (wrong !== undefined) reject(file, `classes below ${classes.length}`, wrong);
  return snapshot;
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    reject(file, 'JSON', text);
  }
}
