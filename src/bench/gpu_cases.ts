import {
  type BenchCase,
  type Mode,
  modesOf,
  networkCase,
  separableCases,
  unitCase,
} from './cases.js';
import type { DriverName, Precision } from './messages.js';

/** One thing to measure on a GPU. */
export interface GpuCase {
  case: BenchCase;
  mode: Mode;
  precision: Precision;
  drivers: readonly DriverName[];
  /** time each kernel too */
  kernels?: boolean;
  /** seconds that it takes at most; it is left out when less remain of the budget */
  seconds: number;
}

/** 228-MENet, for which there are targets, and the others. */
const middle = '228-MENet-12x1-group-3';
const others = [
  '108-MENet-8x1-group-3',
  '348-MENet-12x1-group-3',
  '456-MENet-24x1-group-3',
  'ShuffleNet-1x-group-3',
  '1x-MobileNet-224',
];

const drivers = ['menet', 'torch graphs', 'torch channels_last'] as const;
const withCompile = ['menet', 'torch compile'] as const;
const precisions = ['bf16', 'float32', 'fp16'] as const;

/** Batches of inference and of training, in order of importance. */
const batches: Record<Mode, readonly number[]> = {
  forward: [256, 1, 32, 1024],
  gradient: [256, 64, 1024],
};

/**
 * Every case, the important ones first: 228-MENet, for which there are targets, in all precisions;
 * torch.compile on two of them; then the other networks, first at one batch; then single units.
 */
export function gpuCases(): GpuCase[] {
  const all = [
    ...precisions
      .slice(0, 2)
      .flatMap((precision) => [
        { ...network(middle, 'gradient', 256, precision), kernels: true },
        { ...network(middle, 'forward', 256, precision), kernels: true },
        network(middle, 'forward', 1, precision),
      ]),
    ...others.flatMap((name) => [
      network(name, 'gradient', 256, 'bf16'),
      network(name, 'forward', 256, 'bf16'),
      network(name, 'forward', 1, 'bf16'),
    ]),
    compiled('forward', 256),
    ...gridOf(middle),
    compiled('gradient', 256),
    compiled('forward', 1),
    ...others.flatMap(gridOf),
    ...units(),
  ];
  return [...new Map(all.map((gpuCase) => [describeCase(gpuCase), gpuCase])).values()];
}

/** `network 228 224x224 x256 gradient bf16`, what `--only` looks in. */
export function describeCase({
  case: { op, id, batch },
  mode,
  precision,
  drivers,
}: GpuCase): string {
  const compile = drivers.includes('torch compile') ? ' torch.compile' : '';
  return `${op} ${id} x${batch} ${mode} ${precision}${compile}`;
}

function network(name: string, mode: Mode, batch: number, precision: Precision): GpuCase {
  const benchCase = networkCase(name, batch, 224);
  return { case: benchCase, mode, precision, drivers, seconds: 20 };
}

/** max-autotune compiles for minutes. */
function compiled(mode: Mode, batch: number): GpuCase {
  return { ...network(middle, mode, batch, 'bf16'), drivers: withCompile, seconds: 120 };
}

function gridOf(name: string): GpuCase[] {
  return precisions.flatMap((precision) =>
    (['gradient', 'forward'] as const).flatMap((mode) =>
      batches[mode].map((batch) => network(name, mode, batch, precision)),
    ),
  );
}

/** Units at the batch of training, in float32: whatever their place in a network. */
function units(): GpuCase[] {
  const stages = [0, 1, 2];
  const cases = [
    ...stages.map((stage) => unitCase('meUnit', middle, stage, 1, 256)),
    ...stages.map((stage) => unitCase('shuffleUnit', middle, stage, 1, 256)),
    ...separableCases(1, 256).filter(({ id }) => /^(56|14)x.*\d$/.test(id)),
  ];
  return cases.flatMap((benchCase) =>
    modesOf(benchCase).map((mode) => ({
      ...{ case: benchCase, mode, precision: 'float32' as const, drivers, seconds: 20 },
    })),
  );
}
