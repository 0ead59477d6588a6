import { InputError, RunError } from '../errors.js';
import { commandHelp, runCommand, type Command } from './command.js';
import { nearest } from '../nearest.js';
import { printError } from './output.js';
import { packageVersion } from '../package_version.js';

interface Entry {
  summary: string;
  load(): Promise<Command>;
}

/** Loaded when they run: `menet --help` needs neither TensorFlow.js nor the addon. */
const commands: Record<string, Entry> = {
  train: {
    summary: 'train a network on folders of images',
    load: async () => (await import('./train.js')).train,
  },
  evaluate: {
    summary: 'loss and accuracy of a checkpoint on validation images',
    load: async () => (await import('./evaluate.js')).evaluate,
  },
  convert: {
    summary: 'write a checkpoint as safetensors or for PyTorch',
    load: async () => (await import('./convert.js')).convert,
  },
  predict: {
    summary: 'classify images',
    load: async () => (await import('./predict.js')).predict,
  },
  inspect: {
    summary: 'layers, parameters and operations of a network, and its picture',
    load: async () => (await import('./inspect.js')).inspect,
  },
  report: {
    summary: 'compare runs: curves, figures, configurations',
    load: async () => (await import('./report.js')).report,
  },
  demo: {
    summary: 'make a data set, train, evaluate and predict on it, in about two minutes',
    load: async () => (await import('./demo.js')).demo,
  },
  bench: {
    summary: 'time the fused operations against stock ones on this machine',
    load: async () => (await import('./bench.js')).bench,
  },
};

function overview(): string {
  const rows = Object.entries(commands).map(
    ([name, { summary }]) => `  ${name.padEnd(10)}${summary}`,
  );
  return [
    'usage: menet COMMAND [--FLAG VALUE]...',
    '',
    ...rows,
    '',
    'menet COMMAND --help describes the flags of a command; menet --version prints the version.',
  ].join('\n');
}

/**
 * Runs the command line, and resolves to the exit code: 0 for success, 2 for bad input (one line
 * on standard error), 1 for anything else that went wrong.
 */
export async function main(args: readonly string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  try {
    return await dispatch(args);
  } catch (error) {
    if (error instanceof InputError || error instanceof RunError) {
      printError(error.message);
      return error instanceof InputError ? 2 : 1;
    }
    if (outOfMemory(error)) {
      printError(
        `not enough memory: ${error.message}; ` +
          'a smaller batch_size, image_size or network needs less',
      );
      return 2;
    }
    console.error(error instanceof Error ? `menet: ${error.stack}` : `menet: ${String(error)}`);
    return 1;
  }
}

/** JavaScript's two ways and the native core's one to say that there is no memory. */
function outOfMemory(error: unknown): error is Error {
  return (
    error instanceof Error &&
    /^(Array buffer allocation failed|Invalid typed array length|.*bytes of free memory)/.test(
      error.message,
    )
  );
}

/** Whoever reads the output may stop before the run does, as `head` does. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

async function dispatch([name, ...rest]: readonly string[]): Promise<number> {
  if (name === 'help' && rest[0] !== undefined) return dispatch([rest[0], '--help']);
  if (name === '--version') return print(packageVersion());
  if (name === undefined || name === '--help' || name === '-h' || name === 'help')
    return print(overview());
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry) {
    const meant = nearest(name, Object.keys(commands));
    const hint = meant
      ? `; did you mean ${meant}?`
      : `; expected ${Object.keys(commands).join(', ')}`;
    throw new InputError(`unknown command ${JSON.stringify(name)}${hint}`);
  }
  const command = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) return print(commandHelp(name, command));
  return runCommand(name, command, rest);
}

function print(text: string): number {
  console.log(text);
  return 0;
}
