import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RunError } from '../errors.js';
import type { DriverName, Reply, Request, TorchOptions } from './messages.js';

/** Under vitest this file is TypeScript, and the driver the one that was built. */
const driverFile = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/bench/driver.js' : './driver.js',
    import.meta.url,
  ),
);

/** Of the checkout; the package has no Python. */
export const torchDriverFile = fileURLToPath(
  new URL('../../bench/torch_driver.py', import.meta.url),
);

export interface DriverOptions {
  threads?: number;
  /** for PyTorch's drivers */
  torch?: TorchOptions;
}

/** A driver in a process of its own. */
export class DriverProcess {
  private readonly child: ChildProcess;
  private pending: { resolve(reply: Reply): void; reject(error: Error): void } | undefined;

  /** The driver's description, or why it is not to be had. */
  readonly started: Promise<Reply>;

  /** Whether it has ended, or been ended. */
  ended = false;

  constructor(
    readonly name: DriverName,
    { threads, torch }: DriverOptions = {},
  ) {
    const settle = (reply: Reply) => this.settle(reply);
    this.child = name.startsWith('torch')
      ? startPython(name, torch!, settle)
      : startNode(name, threads, settle);
    this.started = this.receive();
    this.started.catch(() => {}); // whoever awaits it gets the error; others may end the run first
    this.child.on('exit', (code, signal) => {
      this.ended = true;
      this.fail(`its process ended with ${signal ?? code}`);
    });
    this.child.on('error', (error) => this.fail(error.message));
  }

  /**
   * Sends a request; a driver handles one at a time. Rejects if the driver failed, or took longer
   * than some seconds, which is its end.
   */
  ask(request: Request, seconds = Infinity): Promise<Reply> {
    const late = setTimeout(
      () => {
        this.fail(`it took longer than ${seconds} s`);
        this.ended = true;
        this.child.kill('SIGKILL');
      },
      Math.min(seconds * 1000, 2 ** 31 - 1),
    );
    return this.send(request).finally(() => clearTimeout(late));
  }

  private send(request: Request): Promise<Reply> {
    const reply = this.receive();
    const failed = (error?: Error | null) => void (error && this.fail(error.message));
    if (this.child.stdin) this.child.stdin.write(`${JSON.stringify(request)}\n`, failed);
    else this.child.send(request, failed);
    return reply;
  }

  stop(): void {
    if (this.child.connected) this.child.disconnect();
    this.child.stdin?.end();
  }

  private receive(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
    });
  }

  private fail(message: string): void {
    this.settle({ type: 'failed', message });
  }

  private settle(reply: Reply): void {
    const { pending } = this;
    this.pending = undefined;
    if (reply.type === 'failed')
      pending?.reject(new RunError(`bench: ${this.name}: ${reply.message}`));
    else pending?.resolve(reply);
  }
}

function startNode(name: string, threads: number | undefined, settle: (reply: Reply) => void) {
  const env = threads === undefined ? {} : { MENET_THREADS: String(threads) };
  const child = fork(driverFile, [name], {
    env: { ...process.env, ...env },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('message', settle);
  return child;
}

/** Requests and replies are lines of JSON. */
function startPython(name: string, torch: TorchOptions, settle: (reply: Reply) => void) {
  const { python, device, weights } = torch;
  const child = spawn(python, [torchDriverFile, name, device, weights], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  createInterface(child.stdout).on('line', (line) => {
    const reply = JSON.parse(line) as Reply;
    const outputs = reply.type === 'prepared' && reply.outputs.map((o) => Float32Array.from(o));
    settle(outputs ? { ...reply, outputs } : reply);
  });
  return child;
}
