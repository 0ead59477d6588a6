import { Worker } from 'node:worker_threads';
import {
  BatchDecoder,
  type BatchJob,
  type BrokenImage,
  type DecoderSetup,
} from './batch_decoder.js';

/** Under a test runner this module is TypeScript, which a thread cannot load: take the built one. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/data/decode_worker.js' : './decode_worker.js',
  import.meta.url,
);

interface RunningJob {
  /** Decoders that have not answered yet. */
  awaited: number;
  broken: BrokenImage[];
  resolve(broken: BrokenImage[]): void;
  reject(error: Error): void;
}

/**
 * Threads that decode batches (none: this thread decodes, asynchronously). A batch
 * goes to all of them, once; they share it through an atomic counter and answer when
 * nothing of it is left, so that this thread is not needed while it computes.
 */
export class DecodePool {
  private readonly workers: Worker[];
  private readonly next: Int32Array;
  /** Per worker, the jobs it has not answered, oldest first: workers answer in order. */
  private readonly running: RunningJob[][];
  private failure: Error | undefined;
  /** What decodes where there are no workers. */
  private decoder: BatchDecoder | undefined;

  constructor(
    count: number,
    private readonly setup: DecoderSetup,
  ) {
    this.next = new Int32Array(setup.positions);
    this.running = Array.from({ length: count }, () => []);
    this.workers = this.running.map((jobs) => this.startWorker(jobs));
  }

  /** Decodes into `job.slot`, which nobody may be using; resolves to the broken images, by position. */
  async decode(job: BatchJob): Promise<BrokenImage[]> {
    this.throwFailure();
    Atomics.store(this.next, job.slot, 0);
    const broken = await (this.workers.length > 0 ? this.share(job) : this.own().decode(job));
    this.throwFailure(); // closed meanwhile: the slot is not complete
    return broken.sort((a, b) => a.position - b.position);
  }

  /** Lets the decoders finish the images at hand and leave the rest of the batches. */
  cancel(): void {
    this.next.fill(2 ** 30);
  }

  /** Ends the threads. Batches still in the making are rejected. */
  async close(): Promise<void> {
    this.fail(new Error('image loader: closed'));
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private own(): BatchDecoder {
    this.decoder ??= new BatchDecoder(this.setup);
    return this.decoder;
  }

  private share(job: BatchJob): Promise<BrokenImage[]> {
    return new Promise((resolve, reject) => {
      const entry = { awaited: this.workers.length, broken: [], resolve, reject };
      for (const [i, worker] of this.workers.entries()) {
        this.running[i]!.push(entry);
        worker.ref();
        worker.postMessage(job);
      }
    });
  }

  private startWorker(jobs: RunningJob[]): Worker {
    // Flags such as --input-type, which threads would inherit, are meant for the main script.
    const worker = new Worker(workerFile, { workerData: this.setup, execArgv: [] });
    worker.on('message', (broken: BrokenImage[]) => {
      const job = jobs.shift();
      if (!job) return; // rejected already
      job.broken.push(...broken);
      if (--job.awaited === 0) job.resolve(job.broken);
      if (jobs.length === 0) worker.unref();
    });
    worker.on('error', (error) => this.fail(error));
    worker.on('exit', (code) =>
      this.fail(new Error(`image loader: a decode thread ended (${code})`)),
    );
    worker.unref(); // an idle loader does not keep the process alive (listening would)
    return worker;
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure;
  }

  /** Rejects what is under way and all that follows, and ends the threads; the first failure counts. */
  private fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    this.cancel();
    for (const job of this.running.flatMap((jobs) => jobs.splice(0))) job.reject(error);
    for (const worker of this.workers) void worker.terminate();
  }
}
