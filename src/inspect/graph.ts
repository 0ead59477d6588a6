import type { Layer } from '../models/block.js';
import type { Model } from '../models/model.js';
import { formatShape } from './inspect.js';
import { groupUnits, type Part, type Unit, type UnitKind } from './units.js';

/**
 * Draws a network as an SVG document: to the left its units from image to logits, stages framed
 * and like neighbours in one box; to the right the inside of each kind of unit.
 * @param options as for inspectModel
 * @throws InputError for an image size under 32
 */
export async function drawModel(
  model: Model,
  { imageSize = 224, name = model.name }: { imageSize?: number; name?: string } = {},
): Promise<string> {
  // Graphviz is a megabyte of WebAssembly: loaded where a picture is wanted.
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  const graph = describeGraph(name, model.layers(imageSize), imageSize);
  const svg = viz.renderString(graph, { format: 'svg' });
  return svg.replace(/<svg[^>]*>/, (tag) => `${tag}\n<style>${textStyle}</style>`);
}

const ink = '#1f2937';
const faint = '#6b7280';

/**
 * First lines bold, others small. Graphviz lays out every line at one size with Helvetica's
 * widths; the smaller text leaves room for the wider fonts that stand in for it elsewhere.
 */
const textStyle = `
text { font-family: Helvetica, Arial, sans-serif; }
.node text { font-size: 10px; fill: ${faint}; }
.node text:first-of-type { font-size: 12px; font-weight: bold; fill: ${ink}; }
.cluster text { font-size: 12px; font-weight: bold; }
.graph > text { font-size: 12px; fill: ${faint}; }
.graph > text:first-of-type { font-size: 20px; font-weight: bold; fill: ${ink}; }
`;

/** Fill and outline of a layer, by what it begins with; the first match counts. */
const layerColours: [prefix: string, fill: string, line: string][] = [
  ['depthwise', '#ccfbf1', '#0d9488'],
  ['conv', '#dbeafe', '#2563eb'],
  ['linear', '#ede9fe', '#7c3aed'],
  ['multiply', '#fef3c7', '#d97706'],
  ['add', '#fef3c7', '#d97706'],
  ['concat', '#fef3c7', '#d97706'],
  ['', '#f3f4f6', '#9ca3af'],
];

/** Fill and outline of the kinds of units, in order of appearance. */
const kindColours: [fill: string, line: string][] = [
  ['#fff7ed', '#ea580c'],
  ['#f0fdf4', '#16a34a'],
  ['#fdf2f8', '#db2777'],
  ['#f5f3ff', '#7c3aed'],
];

/** The picture in Graphviz's language. */
export function describeGraph(name: string, layers: readonly Layer[], imageSize: number): string {
  const { parts, kinds } = groupUnits(layers);
  const params = layers.reduce((sum, layer) => sum + layer.params, 0);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  const title = lines(name, `${cost(params, macs)} per image`);
  return [
    'digraph network {',
    `graph [fontname=Helvetica, fontsize=16, fontcolor="${ink}", label=${title}, labelloc=t,`,
    '  nodesep=0.3, ranksep=0.32, pad=0.4];',
    `node [fontname=Helvetica, fontsize=12, fontcolor="${ink}", shape=box, penwidth=1.3,`,
    '  style="rounded,filled", margin="0.14,0.1"];',
    `edge [color="${faint}", arrowsize=0.7, penwidth=1.2];`,
    ...overview(parts, imageSize),
    ...kinds.flatMap(insideOfKind),
    '}',
  ].join('\n');
}

/** The chain of parts from the image to the logits. */
function overview(parts: readonly Part[], imageSize: number): string[] {
  const content = [inputNode('image', lines('image', `${imageSize}×${imageSize}×3`))];
  for (const stage of new Set(parts.map((part) => part.stage))) {
    const members = parts.filter((part) => part.stage === stage);
    const nodes = members.map(partNode);
    if (stage === undefined) content.push(...nodes);
    else
      content.push(
        ...cluster(`stage ${stage}`, stage.replaceAll('_', ' '), nodes, {
          line: '#d1d5db',
          labeljust: 'l',
        }),
      );
  }
  const ids = ['image', ...parts.map(partId)];
  content.push(`${ids.map(quote).join(' -> ')} [weight=10, penwidth=2];`);
  return content;
}

function partNode(part: Part): string {
  if (!('kind' in part)) return layerNode(partId(part), part.layer);
  const { kind, units } = part;
  const [first, last] = [units[0] as Unit, units.at(-1) as Unit];
  const names = first === last ? first.name : `${first.name} – ${last.name}`;
  const count = units.length > 1 ? ` × ${units.length}` : '';
  const [fill, line] = colourOf(kind);
  const label = lines(
    `unit ${kind.letter}${count}`,
    names,
    `${formatShape(last.output)} · ${cost(sum(units, 'params'), sum(units, 'macs'))}`,
  );
  return `${quote(partId(part))} [label=${label}, fillcolor="${fill}", color="${line}"];`;
}

/** The layers of one unit of a kind, with the numbers of the first one. */
function insideOfKind(kind: UnitKind): string[] {
  const { letter, example, members } = kind;
  const id = (name: string) => `${letter} ${name}`;
  const nodes = [
    inputNode(id(example.from), lines('input')),
    ...example.layers.map((layer) => layerNode(id(layer.name), layer)),
  ];
  const edges = example.layers.flatMap((layer) =>
    layer.inputs.map((input) => {
      // The way round the unit must not widen it.
      const shortcut = input === example.from && layer !== example.layers[0];
      const style = shortcut ? ' [style=dashed, weight=0]' : ' [weight=3]';
      return `${quote(id(input))} -> ${quote(id(layer.name))}${style};`;
    }),
  );
  const others = members.length > 1 ? ` and ${members.length - 1} more` : '';
  const title = `inside unit ${letter}: ${example.name}${others}`;
  return cluster(`kind ${letter}`, title, [...nodes, ...edges], { line: colourOf(kind)[1] });
}

function layerNode(id: string, layer: Layer): string {
  const short = layer.name.slice(layer.name.lastIndexOf('.') + 1);
  const [, fill, line] = layerColours.find(([prefix]) => layer.type.startsWith(prefix)) ?? [];
  const counts = layer.params > 0 ? ` · ${cost(layer.params, layer.macs)}` : '';
  const label = lines(short, layer.type, formatShape(layer.output) + counts);
  return `${quote(id)} [label=${label}, fillcolor="${fill}", color="${line}"];`;
}

function inputNode(id: string, label: string): string {
  return `${quote(id)} [label=${label}, shape=ellipse, fillcolor=white, color="${faint}"];`;
}

/** A frame; the label of one that an edge enters from above stands aside (`l`). */
function cluster(
  id: string,
  label: string,
  content: string[],
  { line, labeljust = 'c' }: { line: string; labeljust?: 'c' | 'l' },
): string[] {
  return [
    `subgraph ${quote(`cluster ${id}`)} {`,
    `label=${quote(label)}; labeljust=${labeljust}; fontsize=13; style="rounded"; color="${line}"; penwidth=1.5;`,
    'margin=14;',
    ...content,
    '}',
  ];
}

function partId(part: Part): string {
  return 'kind' in part ? (part.units[0] as Unit).name : part.layer.name;
}

function colourOf({ letter }: UnitKind): [fill: string, line: string] {
  const index = letter.charCodeAt(0) - 'A'.charCodeAt(0);
  return kindColours[index % kindColours.length] as [string, string];
}

function sum(units: readonly Unit[], field: 'params' | 'macs'): number {
  return units.reduce((total, unit) => total + unit[field], 0);
}

/** Parameters and operations in three digits, as `1.81 M params, 144 M MACs`. */
function cost(params: number, macs: number): string {
  return `${round(params)} params, ${round(macs)} MACs`;
}

function round(count: number): string {
  const [divisor, unit] = count >= 1e6 ? [1e6, ' M'] : count >= 1e3 ? [1e3, ' k'] : [1, ''];
  return `${Number((count / divisor).toPrecision(3))}${unit}`;
}

/** A quoted label of centred lines. */
function lines(...texts: string[]): string {
  return `"${texts.map((text) => quote(text).slice(1, -1)).join('\\n')}"`;
}

function quote(id: string): string {
  return `"${id.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
