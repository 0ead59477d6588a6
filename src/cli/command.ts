import { InputError } from '../errors.js';
import { describeFlags, parseFlags, type Flags, type Parsed } from './flags.js';

/** A command of the command line. */
export interface Command<T extends Flags = Flags> {
  /** The arguments, as the first line of the help shows them. */
  usage: string;
  /** What it does, in one or a few lines. */
  description: string;
  example: string;
  flags: T;
  /** What arguments without a flag are; a command without takes none. */
  positional?: string;
  /** Runs it, and resolves to the exit code. */
  run(parsed: Parsed<T>): Promise<number>;
}

/** Gives a command's flags their types. */
export function defineCommand<T extends Flags>(command: Command<T>): Command<T> {
  return command;
}

/** The text of `menet NAME --help`. */
export function commandHelp(name: string, command: Command): string {
  return [
    `usage: menet ${name} ${command.usage}`,
    '',
    command.description,
    '',
    describeFlags(command.flags),
    '',
    'example:',
    `  ${command.example}`,
  ].join('\n');
}

/** Parses the arguments of a command and runs it. */
export async function runCommand(
  name: string,
  command: Command,
  args: readonly string[],
): Promise<number> {
  const parsed = parseFlags(args, command.flags);
  const [first] = parsed.positionals;
  if (first !== undefined && !command.positional)
    throw new InputError(`menet ${name}: expected flags only, got ${JSON.stringify(first)}`);
  if (first === undefined && command.positional)
    throw new InputError(`menet ${name}: expected ${command.positional}, got nothing`);
  return command.run(parsed);
}
