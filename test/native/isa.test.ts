import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { native } from '../../src/native.js';

const root = path.resolve(import.meta.dirname, '../..');
const build = path.join(root, 'build');
const levels = ['generic', 'avx2', 'avx512'];
const available = levels.slice(0, levels.indexOf(native().isa()) + 1);

/**
 * Defined symbols of an object file that another object could share, other than those of the
 * namespace: the linker might choose this copy for machines without its instructions.
 */
function sharedSymbols(object: string, namespace: string): string[] {
  const listing = execFileSync('nm', ['-C', '--defined-only', object], { encoding: 'utf8' });
  return listing
    .split('\n')
    .map((line) => /^[0-9a-f]* *([A-Zuvw]) (.*)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => match[2]!)
    .filter((symbol) => !symbol.includes(`${namespace}::`));
}

function objectsOf(isa: string): string[] {
  const folder = path.join(build, `CMakeFiles/simd_${isa}.dir`);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.simd.cc.o'))
    .map((name) => path.join(folder, name));
}

/** Compiles a source as one instruction set's and returns the object's shared symbols. */
function sharedSymbolsOf(source: string): string[] {
  const cache = readFileSync(path.join(build, 'CMakeCache.txt'), 'utf8');
  const compiler = /^CMAKE_CXX_COMPILER:\w+=(.*)$/m.exec(cache)![1]!;
  const folder = mkdtempSync(path.join(tmpdir(), 'menet-isa-'));
  try {
    const [file, object] = [path.join(folder, 'a.cc'), path.join(folder, 'a.o')];
    writeFileSync(file, source);
    execFileSync(compiler, ['-std=c++17', '-O0', '-c', file, '-o', object]);
    return sharedSymbols(object, 'menet::avx2');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('symbols', () => {
  test('the check finds an inline function of another namespace', () => {
    const own = 'namespace menet { namespace avx2 { int g() { return f(1); } } }';
    expect(sharedSymbolsOf(`namespace menet { inline int f(int x) { return x; } } ${own}`)).toEqual(
      ['menet::f(int)'],
    );
    expect(sharedSymbolsOf(`namespace { int f(int x) { return x; } } ${own}`)).toEqual([]);
  });

  test.each(levels)('objects of %s define nothing that others could share', (isa) => {
    const objects = objectsOf(isa);
    expect(objects.length).toBeGreaterThan(3);
    const shared = objects.flatMap((object) => sharedSymbols(object, `menet::${isa}`));
    expect(shared).toEqual([]);
  });
});

interface Results {
  isa: string;
  results: { op: string; dtype?: string; values: number[] }[];
}

function runOps(isa: string): Results {
  const addon = process.env.MENET_BINARY ?? path.join(build, 'Release/menet.node');
  const script = path.join(import.meta.dirname, 'run_ops.js');
  const output = execFileSync(process.execPath, [script, addon], {
    env: { ...process.env, MENET_ISA: isa },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: 'pipe',
  });
  return JSON.parse(output) as Results;
}

/** Of results of one operation; sums in another order may round to the next 16-bit value. */
const tolerances: Record<string, number> = { float32: 3e-6, bfloat16: 2 ** -7, float16: 2 ** -10 };

const mismatches = (a: number[], b: number[]) => a.filter((value, i) => value !== b[i]).length;

describe('results', () => {
  test.each(available.slice(1))('of %s are those of generic', (isa) => {
    const expected = runOps('generic');
    const actual = runOps(isa);
    expect(actual.isa).toBe(isa);
    expected.results.forEach(({ op, dtype, values }, i) => {
      if (op === 'Cast') return expect(mismatches(actual.results[i]!.values, values)).toBe(0);
      const greatest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      const differences = actual.results[i]!.values.map((value, j) => Math.abs(value - values[j]!));
      expect(Math.max(...differences) / greatest, op).toBeLessThan(tolerances[dtype ?? 'float32']!);
    });
  });

  test('an unknown instruction set is reported by name', () => {
    expect(() => runOps('mmx')).toThrow(/MENET_ISA: expected generic, avx2 or avx512.* got mmx/);
  });
});
