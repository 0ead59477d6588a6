import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, type FSWatcher, readdirSync, watch } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { randomInteger, type RandomStream } from '../../src/random.js';

const script = path.resolve(import.meta.dirname, '../../bin/menet.js');

/** What became of a process: its exit code, or null where it was killed, and its errors. */
interface Ending {
  code: number | null;
  errors: string;
}

/** Runs `menet train` with these arguments once; `meet` sees the process as it starts. */
async function train(
  args: readonly string[],
  meet: (child: ChildProcess) => void = () => undefined,
): Promise<Ending> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, MENET_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  meet(child);
  child.stdout.resume();
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, errors };
}

/**
 * Trains with SIGKILL at random moments, every other one while a file is being written, and
 * resumes until the run ends, after `most` kills undisturbed; after every kill, whatever checkpoint
 * is in the folder is read. Returns how often the run was killed.
 */
export async function trainKilled(
  args: readonly string[],
  folder: string,
  most: number,
  random: RandomStream,
): Promise<number> {
  for (let kills = 0; ; kills++) {
    const kill = random() < 0.5 ? killOnWrite : killOnProgress;
    const killer = kills < most ? kill(random, folder) : undefined;
    const { code, errors } = await train(kills > 0 ? [...args, '--resume'] : args, killer?.meet);
    killer?.stop();
    if (code === 0) return kills;
    if (code !== null) throw new Error(`expected to be killed, ended with ${code}: ${errors}`);
    await requireValid(folder);
  }
}

/** Trains without disturbance. */
export async function trainWhole(args: readonly string[]): Promise<void> {
  const { code, errors } = await train(args);
  if (code !== 0) throw new Error(`expected to end, ended with ${code}: ${errors}`);
}

interface Killer {
  meet(child: ChildProcess): void;
  stop(): void;
}

/** Kills a random while after a random line of progress. */
function killOnProgress(random: RandomStream): Killer {
  let left = randomInteger(random, 8);
  const delay = randomInteger(random, 12);
  return {
    meet(child) {
      child.stdout!.on('data', (text: Buffer) => {
        left -= text.toString().split('\n').length - 1;
        if (left <= 0) void setTimeout(delay).then(() => child.kill('SIGKILL'));
      });
    },
    stop: () => undefined,
  };
}

/** Kills at a random change of the run's folder. */
function killOnWrite(random: RandomStream, folder: string): Killer {
  let left = randomInteger(random, 30);
  let watcher: FSWatcher | undefined;
  return {
    meet(child) {
      if (!existsSync(folder)) return;
      watcher = watch(folder, () => {
        if (left-- === 0) child.kill('SIGKILL');
      });
    },
    stop: () => watcher?.close(),
  };
}

/** Every checkpoint that is there can be read. */
async function requireValid(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (name.endsWith('.safetensors')) await readCheckpoint(path.join(folder, name));
}

/** A checkpoint's tensors and metadata without what is timed. */
export async function timelessContents(file: string) {
  const { tensors, metadata } = await readCheckpoint(file);
  const history = (metadata.history as object[]).map((record) => ({ ...record, seconds: 0 }));
  return { tensors, metadata: { ...metadata, history } };
}
