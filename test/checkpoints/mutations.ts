/** Seeded damage to files: what a broken disk, a cut download or an attacker would do. */

/** A generator of integers in [0, below), the same for the same seed. */
export type Random = (below: number) => number;

export function random(seed: number): Random {
  let state = (seed * 0x9e3779b1) >>> 0;
  return (below) => {
    // splitmix32
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return Math.floor((((z ^ (z >>> 15)) >>> 0) / 2 ** 32) * below);
  };
}

type Mutation = (bytes: Uint8Array, next: Random) => Uint8Array;

const extremes = [0, 1, 0x7f, 0x80, 0xff];

/** A short range somewhere in the bytes. */
function range(bytes: Uint8Array, next: Random): [number, number] {
  const start = next(bytes.length);
  return [start, Math.min(bytes.length, start + 1 + next(next(8) ? 16 : 1024))];
}

function replace(bytes: Uint8Array, start: number, end: number, by: Uint8Array): Uint8Array {
  const result = new Uint8Array(start + by.length + bytes.length - end);
  result.set(bytes.subarray(0, start));
  result.set(by, start);
  result.set(bytes.subarray(end), start + by.length);
  return result;
}

const mutations: Mutation[] = [
  function flipBit(bytes, next) {
    bytes[next(bytes.length)]! ^= 1 << next(8);
    return bytes;
  },
  function setByte(bytes, next) {
    bytes[next(bytes.length)] = next(3) ? next(256) : extremes[next(extremes.length)]!;
    return bytes;
  },
  function inflateCount(bytes, next) {
    const at = next(bytes.length);
    return bytes.fill(next(2) ? 0xff : 0x7f, at, at + [1, 2, 4, 8][next(4)]!);
  },
  function truncate(bytes, next) {
    return bytes.slice(0, next(bytes.length));
  },
  function splice(bytes, next) {
    const from = bytes.slice(...range(bytes, next));
    return replace(bytes, ...range(bytes, next), from);
  },
  function repeat(bytes, next) {
    const [start, end] = range(bytes, next);
    const piece = bytes.slice(start, end);
    const times = 1 + next(64);
    const copies = new Uint8Array(piece.length * times);
    for (let i = 0; i < times; i++) copies.set(piece, i * piece.length);
    return replace(bytes, start, start, copies);
  },
  function remove(bytes, next) {
    return replace(bytes, ...range(bytes, next), new Uint8Array(0));
  },
];

/**
 * Damages a copy of the bytes in one to four ways.
 * @param structure bytes at the front where damage matters most: half of all cases only go there
 */
export function mutate(bytes: Uint8Array, structure: number, next: Random): Uint8Array {
  const focus = next(2) ? Math.min(structure, bytes.length) : bytes.length;
  let front: Uint8Array = bytes.slice(0, focus);
  for (let i = 1 + next(4); i > 0 && front.length > 0; i--) {
    // Truncation hides what the others do; it gets fewer turns.
    const mutation = mutations[next(mutations.length)]!;
    if (mutation.name !== 'truncate' || next(4) === 0) front = mutation(front, next);
  }
  return replace(bytes, 0, focus, front);
}
