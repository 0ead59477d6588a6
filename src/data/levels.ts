/** `countLevels` of the image kernels, where no native binary loads. */
export function countLevels(rgb: Uint8Array, counts: Uint32Array): void {
  counts.fill(0);
  for (let p = 0; p < rgb.length; p += 3) {
    counts[rgb[p]!]!++;
    counts[256 + rgb[p + 1]!]!++;
    counts[512 + rgb[p + 2]!]!++;
  }
}

/** `mapLevels` of the image kernels, where no native binary loads. */
export function mapLevels(rgb: Uint8Array, table: Uint8Array): void {
  for (let p = 0; p < rgb.length; p += 3) {
    rgb[p] = table[rgb[p]!]!;
    rgb[p + 1] = table[256 + rgb[p + 1]!]!;
    rgb[p + 2] = table[512 + rgb[p + 2]!]!;
  }
}
