import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { describeFlags, parseFlags } from '../../src/cli/flags.js';

const flags = {
  model: { help: 'configuration', value: 'FILE', required: true },
  top: { help: 'classes', value: 'K', least: 1, default: 5 },
  resume: { help: 'checkpoint', value: 'FILE', optional: true },
  backend: { help: 'backend', value: 'NAME', choices: ['menet', 'wasm'], default: 'menet' },
  json: { help: 'JSON' },
} as const;

describe('parseFlags', () => {
  it('fills in defaults', () => {
    expect(parseFlags(['--model', 'm.json'], flags)).toEqual({
      values: { model: 'm.json', top: 5, resume: undefined, backend: 'menet', json: false },
      positionals: [],
    });
  });

  it('takes --flag value, --flag=value and positionals in any order', () => {
    const { values, positionals } = parseFlags(
      ['a.jpg', '--top=3', '--json', '--model', 'm', '--backend', 'wasm', '--', '--b.jpg'],
      flags,
    );
    expect(values).toMatchObject({ top: 3, json: true, model: 'm', backend: 'wasm' });
    expect(positionals).toEqual(['a.jpg', '--b.jpg']);
  });

  it.each([
    [['--resume'], ''],
    [['--resume', '--json'], ''],
    [['--resume', 'file'], 'file'],
    [['--resume=file'], 'file'],
  ])('%j may leave out its value', (args, resume) => {
    const parsed = parseFlags([...args, '--model', 'm'], flags);
    expect(parsed.values.resume).toBe(resume);
    expect(parsed.positionals).toEqual([]);
  });

  it.each([
    [[], '--model: expected FILE, got nothing'],
    [['--model'], '--model: expected FILE, got nothing'],
    [['--model', ''], '--model: expected FILE, got ""'],
    [['--model', 'm', '--jsno'], 'unknown flag --jsno; did you mean --json?'],
    [['--model', 'm', '--xylophone'], 'unknown flag --xylophone'],
    [['--model', 'm', '-t', '3'], 'unknown flag -t'],
    [['--model', 'm', '--json=yes'], '--json: expected no value, got "yes"'],
    [['--model', 'm', '--top', '0'], '--top: expected an integer of at least 1, got "0"'],
    [['--model', 'm', '--top', '1.5'], '--top: expected an integer of at least 1, got "1.5"'],
    [['--model', 'm', '--top', '--json'], '--top: expected an integer of at least 1, got "--json"'],
    [
      ['--model', 'm', '--backend', 'wams'],
      '--backend: expected one of menet, wasm, got "wams"; did you mean wasm?',
    ],
    [['--model', 'm', '--constructor'], 'unknown flag --constructor'],
  ])('rejects %j', (args, message) => {
    const parse = () => parseFlags(args, flags);
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(message);
  });
});

it('describeFlags shows values, requirements and defaults', () => {
  const lines = describeFlags(flags).split('\n');
  expect(lines).toContain('  --model FILE     configuration (required)');
  expect(lines).toContain('  --top K          classes (default: 5)');
  expect(lines).toContain('  --resume [FILE]  checkpoint');
  expect(lines).toContain('  --json           JSON');
});
