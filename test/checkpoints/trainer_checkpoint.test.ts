import { expect, test } from 'vitest';
import { parseCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { InputError } from '../../src/errors.js';
import type { Part } from './pickle_writer.js';
import {
  bytes,
  dict,
  floats,
  int,
  legacyFile,
  list,
  storage,
  str,
  tensor,
  tuple,
} from './pickle_writer.js';

const data = floats(0, 1, 2, 3, 4, 5, 6, 7);
const view = (offset: number, size: number) => tensor(storage('0', 8), offset, [size], [1]);
const read = (root: Part) =>
  parseCheckpoint(legacyFile(root, [{ key: '0', length: 8, raw: data }]), 'x.pth');

const state = dict(
  [str('module.conv.weight'), view(0, 2)],
  [str('module.bn.weight'), view(2, 1)],
  [str('module.bn.running_mean'), view(3, 1)],
  [str('module.bn.running_var'), view(3, 1)],
  [str('module.bn.num_batches_tracked'), view(3, 1)],
  [str('module.fc.bias'), view(4, 3)],
);
const momentum = (part: Part) => dict([str('momentum_buffer'), part]);
const group = (ids: number[]) =>
  dict([str('lr'), bytes('G?\xf0', new Uint8Array(6))], [str('params'), list(...ids.map(int))]);
const training = (slots: Part, groups: Part): Part =>
  dict(
    [str('state_dict'), state],
    [str('optimizer'), dict([str('state'), slots], [str('param_groups'), groups])],
    [str('last_epoch'), int(4)],
    [str('best_prec1'), tensor(storage('0', 8), 6, [], [])],
  );

test('sorts a training checkpoint into weights, momentum and metadata', () => {
  const slots = dict(
    [int(70), momentum(view(5, 3))],
    [int(50), momentum(view(6, 2))],
    [int(60), momentum('N')],
  );
  const { tensors, metadata } = read(training(slots, list(group([50, 60]), group([70]))));
  expect([...tensors.keys()]).toEqual([
    'conv.weight',
    'bn.weight',
    'bn.running_mean',
    'bn.running_var',
    'bn.num_batches_tracked',
    'fc.bias',
    'optimizer.momentum.fc.bias',
    'optimizer.momentum.conv.weight',
  ]);
  expect([...tensors.get('optimizer.momentum.conv.weight')!.data]).toEqual([6, 7]);
  expect(metadata).toEqual({
    optimizer: {
      param_groups: [
        { lr: 1, params: ['conv.weight', 'bn.weight'] },
        { lr: 1, params: ['fc.bias'] },
      ],
      state: { 'bn.weight': { momentum_buffer: null } },
    },
    last_epoch: 4,
    best_prec1: 6,
  });
});

test('slots have short names, and the shape of their parameter', () => {
  const entries = dict(
    [str('exp_avg'), view(0, 2)],
    [str('step'), view(0, 1)],
    [str('x'.repeat(65)), view(0, 2)],
  );
  const { tensors, metadata } = read(training(dict([int(0), entries]), list(group([0, 1, 2]))));
  const slots = [...tensors.keys()].filter((name) => name.startsWith('optimizer.'));
  expect(slots).toEqual(['optimizer.exp_avg.conv.weight']);
  expect((metadata.optimizer as { state: unknown }).state).toEqual({
    'conv.weight': { step: 'tensor float32 [1]', ['x'.repeat(65)]: 'tensor float32 [2]' },
  });
});

test('reads a plain state_dict, and keeps names that only partly say module', () => {
  const { tensors, metadata } = read(dict([str('module.a'), view(0, 1)], [str('b'), view(1, 1)]));
  expect([...tensors.keys()]).toEqual(['module.a', 'b']);
  expect(metadata).toEqual({});
});

const clash = dict(
  [str('state_dict'), dict([str('w'), view(0, 2)], [str('optimizer.momentum.w'), view(0, 2)])],
  [
    str('optimizer'),
    dict(
      [str('state'), dict([int(0), momentum(view(2, 2))])],
      [str('param_groups'), list(group([0, 1]))],
    ),
  ],
);
const many = Array.from({ length: 17 }, (_, i): [Part, Part] => [int(i), 'N']);
const groups = list(group([0, 1, 2]));
test.each<[string, Part, string]>([
  [
    'momentum of another shape',
    training(dict([int(0), momentum(view(0, 3))]), groups),
    'momentum of conv.weight: expected shape [2]',
  ],
  ['fewer parameters', training('}', list(group([0, 1]))), 'params: expected 3, as in state_dict'],
  [
    'more parameters',
    training('}', list(group([0, 1, 2, 3]))),
    'params: expected 3, as in state_dict',
  ],
  ['a parameter twice', training('}', list(group([0, 1, 1]))), 'each parameter once'],
  ['groups without parameters', training('}', list('}')), 'dicts with params'],
  ['a weight named like its momentum', clash, 'optimizer.momentum.w: expected names that differ'],
  ['groups with empty parameters', training('}', list(group([]))), 'dicts with params'],
  [
    'state of many entries',
    training(dict([int(0), dict(...many)]), groups),
    'a dict of its own, of at most 16',
  ],
  ['state of no parameter', training(dict([int(9), momentum('N')]), groups), 'ids of params'],
  [
    'shared state',
    training(dict([int(0), [momentum('N'), 'q', 9]], [int(1), ['h', 9]]), groups),
    'a dict of its own',
  ],
  [
    'a number as weight',
    dict([str('state_dict'), dict([str('w'), int(1)])], [str('x'), view(0, 1)]),
    'w: expected a tensor, got "number 1"',
  ],
  [
    'a list as state_dict',
    dict([str('state_dict'), ']'], [str('x'), view(0, 1)]),
    'state_dict: expected a dict',
  ],
  ['a number as key', dict([int(1), view(0, 1)]), 'names as keys'],
  ['a bare tensor', view(0, 1), 'x.pth: expected a dict, got "tensor float32 [1]"'],
  [
    'a mix of tensors and numbers',
    dict([str('w'), view(0, 1)], [str('n'), int(1)]),
    'n: expected a tensor',
  ],
  [
    'a prototype as key',
    dict([str('state_dict'), state], [str('a'), dict([str('__proto__'), '}'])]),
    'keys other than __proto__',
  ],
  [
    'keys that print the same',
    dict([str('state_dict'), state], [str('a'), dict([str('1'), 'N'], [int(1), 'N'])]),
    '1 twice',
  ],
])('refuses %s', (_, root, message) => {
  expect(() => read(root)).toThrow(InputError);
  expect(() => read(root)).toThrow(message);
});

const withExtra = (extra: Part) => read(dict([str('state_dict'), state], [str('extra'), extra]));

test('metadata becomes plain values', () => {
  const part = tuple(
    'N',
    0x88,
    str('s'),
    bytes(0x8a, 9, new Uint8Array(8), 1),
    view(0, 2),
    dict([int(1), ')']),
  );
  expect(withExtra(part).metadata).toEqual({
    extra: [null, true, 's', '18446744073709551616', 'tensor float32 [2]', { '1': [] }],
  });
});

test('refuses metadata that refers to itself, nests deep or multiplies', () => {
  expect(() => withExtra([']', 'q', 0, 'h', 0, 'a'])).toThrow('at most 100 levels');
  const deep = bytes(new Uint8Array(1e5).fill(0x5d), new Uint8Array(1e5 - 1).fill(0x61));
  expect(() => withExtra(deep)).toThrow('at most 100 levels');
  // Each level refers ten times to the one below: 10^30 values.
  const level = (i: number): Part => list(...new Array<Part>(10).fill(['h', i - 1]));
  const laughs = list(...Array.from({ length: 30 }, (_, i): Part => [i ? level(i) : ']', 'q', i]));
  expect(() => withExtra(laughs)).toThrow('in proportion to the file');
  const long = list([str('x'.repeat(10000)), 'q', 0], ...new Array<Part>(10000).fill(['h', 0]));
  expect(() => withExtra(long)).toThrow('in proportion to the file');
});
