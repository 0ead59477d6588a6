import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RunError } from '../errors.js';
import type { DriverName, Reply, Request } from './messages.js';

/** Under vitest this file is TypeScript, and the driver the one that was built. */
const driverFile = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/bench/driver.js' : './driver.js',
    import.meta.url,
  ),
);

/** A driver in a process of its own. */
export class DriverProcess {
  private readonly child: ChildProcess;
  private pending: { resolve(reply: Reply): void; reject(error: Error): void } | undefined;

  /** The driver's description, or why it is not to be had. */
  readonly started: Promise<Reply>;

  constructor(
    readonly name: DriverName,
    threads?: number,
  ) {
    const env = threads === undefined ? {} : { MENET_THREADS: String(threads) };
    this.child = fork(driverFile, [name], {
      env: { ...process.env, ...env },
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.started = this.receive();
    this.started.catch(() => {}); // whoever awaits it gets the error; others may end the run first
    this.child.on('message', (reply: Reply) => this.settle(reply));
    this.child.on('exit', (code, signal) => this.fail(`its process ended with ${signal ?? code}`));
    this.child.on('error', (error) => this.fail(error.message));
  }

  /** Sends a request; a driver handles one at a time. Rejects if the driver failed. */
  ask(request: Request): Promise<Reply> {
    const reply = this.receive();
    this.child.send(request, (error) => error && this.fail(error.message));
    return reply;
  }

  stop(): void {
    if (this.child.connected) this.child.disconnect();
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
