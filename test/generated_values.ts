/**
 * The reference data's generated values: `count` numbers in [-1, 1), a hash of index and seed, in
 * unsigned 32-bit arithmetic.
 */
export function generatedValues(count: number, seed: number): Float32Array<ArrayBuffer> {
  const offset = Math.imul(seed, 7919);
  return Float32Array.from({ length: count }, (_, i) => {
    let hash = Math.imul(i + offset, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae3d);
    return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}
