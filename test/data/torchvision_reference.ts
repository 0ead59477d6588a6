import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { AlterationName } from '../../src/data/auto_augment.js';
import type { Pixels, Placement, Size } from '../../src/native_images.js';

/** Shares of torchvision's draws that are at most as large as given values. */
export interface Distribution {
  at: number[];
  share: number[];
}

export interface ReferenceAlteration {
  magnitudes: number[];
  signed: boolean;
  /** Of all magnitudes' pixels, then, where signed, of all negated. */
  hash: string;
}

/** A sample of formulaImage 500 x 375: how it was drawn, and what torchvision makes of that. */
export interface ReferenceSample {
  placement: Placement;
  jitter: { order: number[]; factors: number[] } | null;
  hash: string;
}

/** What torchvision_reference.py writes. */
export interface TorchvisionReference {
  versions: Record<string, string>;
  alterations: Record<string, Record<AlterationName, ReferenceAlteration>>;
  samples: Record<string, ReferenceSample>;
  distributions: Record<string, Record<string, Distribution>>;
}

export const torchvision = JSON.parse(
  readFileSync(path.join(import.meta.dirname, 'torchvision_reference.json'), 'utf8'),
) as TorchvisionReference;

/** An image of many levels whose channels differ in range, as torchvision_reference.py makes it. */
export function formulaImage({ width, height }: Size): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const level = (3 * x * x + 5 * y * y + x * y * (c + 1) + 40 * c) >> 2;
        data[p++] = 20 + 30 * c + (level % (200 - 40 * c));
      }
    }
  }
  return { data, width, height };
}

/** The largest distance between the distribution of `values` and a reference (Kolmogorov-Smirnov). */
export function distance(values: readonly number[], { at, share }: Distribution): number {
  const atMost = (limit: number) => values.filter((value) => value <= limit + 1e-9).length;
  return Math.max(...at.map((limit, i) => Math.abs(atMost(limit) / values.length - share[i]!)));
}

/**
 * Expects `values` to follow a reference distribution: 1 in 100,000 samples of a right one would
 * not (1.95 / √n is the 0.1 % point of the Kolmogorov-Smirnov distance, 2.47 / √n this one).
 */
export function expectDistribution(values: readonly number[], reference: Distribution): void {
  const fromReference = 2.47 / Math.sqrt(200_000);
  expect(distance(values, reference)).toBeLessThan(2.47 / Math.sqrt(values.length) + fromReference);
}
