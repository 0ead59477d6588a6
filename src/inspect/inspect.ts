import type { LayerInfo } from '../models/block.js';
import type { Model } from '../models/model.js';

/** A network's size, as `menet inspect --json` prints it. */
export interface Inspection {
  name: string;
  /** trained values; running statistics do not count */
  params: number;
  /** multiplications of convolutions and classifier for one image */
  macs: number;
  /** [height, width, channels] of the image */
  input: number[];
  /** in the order of computation */
  layers: LayerInfo[];
}

/**
 * Counts a network's parameters and operations, in all and by layer.
 * @param options `imageSize` (224) is the image's height and width; `name` the network's, by
 *   default the configuration's `name`
 * @throws InputError for an image size under 32
 */
export function inspectModel(
  model: Model,
  { imageSize = 224, name = model.name }: { imageSize?: number; name?: string } = {},
): Inspection {
  const layers = model.layers(imageSize).map(({ inputs: _, unit: __, ...layer }) => layer);
  return {
    name,
    params: layers.reduce((sum, layer) => sum + layer.params, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
    input: [imageSize, imageSize, 3],
    layers,
  };
}

/** An inspection as a text table, a line per layer and the sums below. */
export function formatInspection({ name, params, macs, input, layers }: Inspection): string {
  const rows = [
    ['layer', 'type', 'output', 'parameters', 'MACs'],
    ['input', '', formatShape(input), '', ''],
    ...layers.map((layer) => [
      layer.name,
      layer.type,
      formatShape(layer.output),
      formatCount(layer.params),
      formatCount(layer.macs),
    ]),
    [name, '', '', formatCount(params), formatCount(macs)],
  ];
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const lines = rows.map((row) => formatRow(row, widths));
  const rule = '─'.repeat(Math.max(...lines.map((line) => line.length)));
  return [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1), ''].join('\n');
}

/** Names and types to the left, numbers to the right. */
function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, i) =>
    i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number),
  );
  return cells.join('  ').trimEnd();
}

/** [112, 112, 24] as `112×112×24`. */
export function formatShape(shape: readonly number[]): string {
  return shape.join('×');
}

function formatCount(count: number): string {
  return count === 0 ? '' : count.toLocaleString('en-US');
}
