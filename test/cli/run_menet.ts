import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

const script = path.resolve(import.meta.dirname, '../../bin/menet.js');

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built command line in a process of its own; `watch` sees its output as it comes. */
export function runMenet(
  args: readonly string[],
  watch: (output: string, child: ChildProcess) => void = () => undefined,
  environment: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, MENET_THREADS: '2', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      outcome[name] += text;
      watch(outcome[name], child);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ ...outcome, code }));
  });
}
