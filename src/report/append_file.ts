import { open } from 'node:fs/promises';

/** What is kept in memory while the disk refuses it; then the oldest pieces are dropped. */
const patience = 4 * 2 ** 20;
const flushEvery = 1000; // ms

/**
 * A growing file whose writers never wait: pieces are buffered and written in the background once
 * a second. A failed write (a full disk) is reported once; the pieces stay in memory and are tried
 * again. Each write says where it goes, so that what a failed one left behind is overwritten; the
 * file is open only while it is written, so that there is nothing to close where a run fails.
 */
export class AppendFile {
  private buffered: Uint8Array[] = [];
  private bufferedBytes = 0;
  private dropped = 0;
  private failed = false;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  /**
   * @param file made where it is missing
   * @param size bytes of it that are kept; what follows is cut off
   * @param report called with one line when a write fails for the first time
   */
  constructor(
    private readonly file: string,
    private size: number,
    private readonly report: (message: string) => void,
  ) {}

  /** Adds a piece, to be written soon; pieces are written whole and in order. */
  append(piece: Uint8Array | string): void {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    this.buffered.push(bytes);
    this.bufferedBytes += bytes.length;
    while (this.bufferedBytes > patience) {
      this.bufferedBytes -= this.buffered.shift()!.length;
      this.dropped++;
    }
    this.timer ??= setTimeout(() => void this.flush(), flushEvery).unref();
  }

  /** Writes what is buffered, as far as the disk takes it; never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  /** Writes what is left, and reports pieces that could not be written. */
  async finish(): Promise<void> {
    await this.flush();
    const lost = this.dropped + this.buffered.length;
    if (lost > 0) this.report(`${this.file}: ${lost} records could not be written`);
  }

  private async write(): Promise<void> {
    const pieces = this.buffered;
    const bytes = Buffer.concat(pieces);
    this.buffered = [];
    this.bufferedBytes = 0;
    try {
      await writeAt(this.file, this.size, bytes);
      this.size += bytes.length;
    } catch (error) {
      this.buffered.unshift(...pieces);
      this.bufferedBytes += bytes.length;
      this.complain(error);
    }
  }

  private complain(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    this.report(`${this.file}: cannot be written (${reason}); training goes on without it`);
  }
}

/** Writes `bytes` after the first `size` bytes of a file, which is made where that is 0. */
async function writeAt(file: string, size: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, size === 0 ? 'w' : 'r+');
  try {
    if (size > 0) await handle.truncate(size);
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, done, undefined, size + done);
      done += bytesWritten;
    }
  } finally {
    await handle.close();
  }
}
