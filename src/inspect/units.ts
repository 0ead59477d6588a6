import type { Layer } from '../models/block.js';

/**
 * Layers that say which unit they belong to, or whose names share everything but the last word:
 * `features.stage_1_2`.
 */
export interface Unit {
  /** without the leading `features.` */
  name: string;
  layers: Layer[];
  /** the layer whose output is the unit's input */
  from: string;
  output: number[];
  params: number;
  macs: number;
}

/** Units of the same layers, sizes aside. */
export interface UnitKind {
  letter: string;
  example: Unit;
  members: Unit[];
}

/** A step of the network: neighbouring units of one kind and size, or a layer outside units. */
export type Part = { stage?: string } & ({ kind: UnitKind; units: Unit[] } | { layer: Layer });

/** Fewer layers than this are shown one by one. */
const SMALLEST_UNIT = 3;

/** Groups a network's layers into units, kinds of units, and the chain of parts. */
export function groupUnits(layers: readonly Layer[]): { parts: Part[]; kinds: UnitKind[] } {
  const parts: Part[] = [];
  const kinds = new Map<string, UnitKind>();
  for (const group of consecutive(layers, unitOf)) {
    const [first] = group as [Layer];
    if (first.unit === undefined && group.length < SMALLEST_UNIT) {
      parts.push(...group.map((layer) => ({ layer })));
      continue;
    }
    const unit = makeUnit(group);
    const kind = kindOf(unit, kinds);
    const before = parts.at(-1);
    if (before && 'kind' in before && before.kind === kind && isAlike(before.units, unit)) {
      before.units.push(unit);
    } else {
      parts.push({ stage: stageOf(unit), kind, units: [unit] });
    }
  }
  return { parts, kinds: [...kinds.values()] };
}

function unitOf({ name, unit }: Layer): string {
  return unit ?? name.replace(/\.?[^.]*$/, '');
}

/** `stage_1` of `stage_1_2`. */
function stageOf({ name }: Unit): string | undefined {
  return /^(stage_\d+)_\d+$/.exec(name)?.[1];
}

function isAlike([example]: readonly Unit[], unit: Unit): boolean {
  return example?.output.join() === unit.output.join() && stageOf(example) === stageOf(unit);
}

function makeUnit(layers: Layer[]): Unit {
  const [first, last] = [layers[0] as Layer, layers.at(-1) as Layer];
  return {
    name: unitOf(first).replace(/^features\./, ''),
    layers,
    from: first.inputs[0] as string,
    output: last.output,
    params: layers.reduce((sum, layer) => sum + layer.params, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
  };
}

function kindOf(unit: Unit, kinds: Map<string, UnitKind>): UnitKind {
  const key = unit.layers.map((layer) => `${role(layer.name)} ${layer.type}`).join('; ');
  const known = kinds.get(key);
  if (known) {
    known.members.push(unit);
    return known;
  }
  const letter = String.fromCharCode('A'.charCodeAt(0) + kinds.size);
  const kind = { letter, example: unit, members: [unit] };
  kinds.set(key, kind);
  return kind;
}

/** A name's last word without its number: `dw_conv` of `features.dw_conv_3`. */
function role(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).replace(/_\d+$/, '');
}

/** Splits a list where `key` changes. */
function consecutive<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups: T[][] = [];
  for (const item of items) {
    const group = groups.at(-1);
    if (group && key(group[0] as T) === key(item)) group.push(item);
    else groups.push([item]);
  }
  return groups;
}
