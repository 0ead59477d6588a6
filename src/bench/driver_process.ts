import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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
    this.child.on('message', (reply: Reply) => this.settle(reply));
    this.child.on('exit', (code, signal) =>
      this.settle({ type: 'failed', message: `its process ended with ${signal ?? code}` }),
    );
  }

  /** Sends a request; a driver handles one at a time. Rejects if the driver failed. */
  ask(request: Request): Promise<Reply> {
    const reply = this.receive();
    this.child.send(request);
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

  private settle(reply: Reply): void {
    const { pending } = this;
    this.pending = undefined;
    if (reply.type === 'failed') pending?.reject(new Error(`${this.name}: ${reply.message}`));
    else pending?.resolve(reply);
  }
}
