/**
 * What is timed: the fused operations at the shapes they have in the published networks at
 * 224 x 224, and whole networks. Pure data, so that each driver's process can make its own
 * tensors of it.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type SeparableShape, separableShapes } from '../models/mobilenet.js';

export type Mode = 'forward' | 'gradient';

/** A unit operation at one stage of a network. */
export interface UnitCase {
  kind: 'unit';
  op: 'groupConvShuffleDepthwise' | 'mergeEvolve' | 'meUnit' | 'shuffleUnit';
  id: string;
  batch: number;
  /** height and width of the unit's input */
  size: number;
  inputChannels: number;
  /** channels of the unit's output */
  channels: number;
  side: number;
  groups: number;
  /** groups of the first convolution: 1 in a network's first unit */
  compressGroups: number;
  strides: 1 | 2;
}

/** A depthwise separable block of MobileNet. */
export interface SeparableCase extends SeparableShape {
  kind: 'separable';
  op: 'depthwiseSeparable';
  id: string;
  batch: number;
  /** height and width of the block's input */
  size: number;
}

export interface StemCase {
  kind: 'stem';
  op: 'stem';
  id: string;
  batch: number;
  size: number;
  channels: number;
}

export interface LossCase {
  kind: 'loss';
  op: 'softmaxCrossEntropy';
  id: string;
  batch: number;
  classes: number;
}

/** An optimizer's step over all parameters of a network. */
export interface UpdateCase {
  kind: 'update';
  op: 'sgdUpdate' | 'rmspropUpdate' | 'adamUpdate' | 'adadeltaUpdate' | 'blendUpdate';
  id: string;
  batch: number;
  model: string;
}

/** Inference, and a whole training step with its update. */
export interface NetworkCase {
  kind: 'network';
  op: 'network';
  id: string;
  batch: number;
  size: number;
  model: string;
}

export type BenchCase = UnitCase | SeparableCase | StemCase | LossCase | UpdateCase | NetworkCase;

/** The modes that a case has; an update is no function to differentiate. */
export function modesOf({ kind }: BenchCase): readonly Mode[] {
  return kind === 'update' ? ['forward'] : ['forward', 'gradient'];
}

/** Fields of a published model configuration that shapes follow from. */
interface Network {
  init_c: number;
  block_channels: [number, number, number];
  side_channels: [number, number, number];
  groups: number;
}

const configurations = new URL('../../config/imagenet/model-config/', import.meta.url);
const small = '108-MENet-8x1-group-3';
const middle = '228-MENet-12x1-group-3';
const large = '456-MENet-24x1-group-3';
const relatives = ['ShuffleNet-1x-group-3', '1x-MobileNet-224'];

function readNetwork(name: string): Network {
  return JSON.parse(readFileSync(modelFile(name), 'utf8')) as Network;
}

/** The published configuration of a network. */
export function modelFile(name: string): string {
  const family = /MENet|ShuffleNet|MobileNet/.exec(name)?.[0].toLowerCase();
  return fileURLToPath(new URL(`${family}/${name}.json`, configurations));
}

const unitOps = ['groupConvShuffleDepthwise', 'mergeEvolve', 'meUnit', 'shuffleUnit'] as const;

const updateOps = [
  'sgdUpdate',
  'rmspropUpdate',
  'adamUpdate',
  'adadeltaUpdate',
  'blendUpdate',
] as const;

/** Every operation the benchmark knows, in the order of its rows. */
export const benchOps: readonly string[] = [
  ...unitOps,
  'depthwiseSeparable',
  'stem',
  'softmaxCrossEntropy',
  ...updateOps,
  'network',
];

/**
 * The full benchmark (batch 32): every operation at 228-MENet's shapes, the whole unit also where
 * it downsamples and at the shapes of the smallest and the largest network, MobileNet's block at
 * each of its shapes. Or the quick one: one small case per operation.
 */
export function benchCases(quick = false): BenchCase[] {
  return quick ? quickCases() : fullCases();
}

function fullCases(): BenchCase[] {
  const batch = 32;
  const stages = [0, 1, 2];
  return [
    ...unitOps.flatMap((op) => stages.map((stage) => unitCase(op, middle, stage, 1, batch))),
    ...stages.map((stage) => unitCase('meUnit', middle, stage, 2, batch)),
    ...[small, large].flatMap((name) =>
      stages.map((stage) => unitCase('meUnit', name, stage, 1, batch)),
    ),
    ...separableCases(1, batch),
    ...[small, middle, large].map((name) => stemCase(name, batch, 224)),
    lossCase(batch),
    ...updateOps.map((op) => updateCase(op, middle)),
    ...[middle, ...relatives].map((name) => networkCase(name, 2, 224)),
    networkCase(middle, batch, 224),
  ];
}

function quickCases(): BenchCase[] {
  const batch = 4;
  const units = unitOps.map((op) => unitCase(op, small, 1, 1, batch));
  const separable = separableCases(0.25, batch).slice(-1);
  return [
    ...units,
    ...separable,
    stemCase(small, batch, 64),
    lossCase(batch),
    ...updateOps.map((op) => updateCase(op, small)),
    networkCase(small, batch, 64),
  ];
}

/** The unit of a stage (28x28, 14x14, 7x7) that keeps its size, or with strides 2 that opens it. */
export function unitCase(
  op: UnitCase['op'],
  name: string,
  stage: number,
  strides: 1 | 2,
  batch: number,
): UnitCase {
  const { init_c, block_channels, side_channels, groups } = readNetwork(name);
  const channels = block_channels[stage]!;
  const opening = strides === 2;
  const size = (28 >> stage) * strides;
  return {
    kind: 'unit',
    op,
    id: `${shortName(name)} ${size}x${size}${opening ? ' /2' : ''}`,
    batch,
    size,
    inputChannels: opening ? (block_channels[stage - 1] ?? init_c) : channels,
    channels,
    side: side_channels[stage]!,
    groups,
    compressGroups: opening && stage === 0 ? 1 : groups,
    strides,
  };
}

/** The blocks of MobileNet, each shape once. */
export function separableCases(widthMultiplier: number, batch: number): SeparableCase[] {
  const cases = new Map<string, SeparableCase>();
  let size = 112;
  for (const shape of separableShapes('mobilenet', widthMultiplier)) {
    const { inChannels, outChannels, strides } = shape;
    const opening = strides === 2 ? ' /2' : '';
    const id = `${size}x${size} ${inChannels}-${outChannels}${opening}`;
    cases.set(id, { kind: 'separable', op: 'depthwiseSeparable', id, batch, size, ...shape });
    size /= strides;
  }
  return [...cases.values()];
}

function stemCase(name: string, batch: number, size: number): StemCase {
  const id = `${shortName(name)} ${size}x${size}`;
  return { kind: 'stem', op: 'stem', id, batch, size, channels: readNetwork(name).init_c };
}

function lossCase(batch: number): LossCase {
  return { kind: 'loss', op: 'softmaxCrossEntropy', id: '1000 classes', batch, classes: 1000 };
}

function updateCase(op: UpdateCase['op'], model: string): UpdateCase {
  return { kind: 'update', op, id: `all of ${shortName(model)}`, batch: 1, model };
}

/** A published network on square images. */
export function networkCase(name: string, batch: number, size: number): NetworkCase {
  const id = `${shortName(name)} ${size}x${size}`;
  return { kind: 'network', op: 'network', id, batch, size, model: name };
}

/** `228` of `228-MENet-12x1-group-3`; other networks have no shorter one. */
function shortName(name: string): string {
  return name.includes('MENet') ? name.slice(0, name.indexOf('-')) : name;
}
