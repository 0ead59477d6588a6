import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { temporaryName, writeFailure } from '../checkpoints/atomic_file.js';
import { InputError } from '../errors.js';

/** Who holds a run folder. */
interface Holder {
  pid: number;
  host: string;
  /** When the process began, as the system says it; tells it from a later one of the same pid. */
  started: string | undefined;
}

/**
 * Keeps other trainers out of a run folder, by a file `lock` in it. The lock of a process that is
 * gone is taken over; of a process on another host nobody can say whether it is.
 */
export class RunLock {
  private readonly file: string;
  private readonly content: string;
  private readonly onExit = () => this.release();

  /**
   * Takes the lock of an existing folder. It is released by {@link release}, and when the process exits.
   * @throws InputError naming the process that holds it
   */
  constructor(folder: string) {
    this.file = path.join(folder, 'lock');
    const holder: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
    this.content = `${JSON.stringify({ ...holder, id: randomBytes(6).toString('hex') })}\n`;
    while (!this.create()) this.requireGone();
    process.on('exit', this.onExit);
  }

  /**
   * Throws an InputError where the lock was lost to a process that looked at a stale one at the
   * same moment; to be called once the folder has been cleared of temporary files.
   */
  requireHeld(): void {
    if (this.read() === this.content) return;
    process.off('exit', this.onExit);
    throw new InputError(
      `${this.file}: expected no other trainer on this run, got one that began at the same moment`,
    );
  }

  /** Lets others in; does nothing the second time, or where the lock is not this one any more. */
  release(): void {
    process.off('exit', this.onExit);
    if (this.read() === this.content) rmSync(this.file, { force: true });
  }

  /** Whether there was no lock. It appears with its content, or not at all. */
  private create(): boolean {
    const temporary = temporaryName(this.file);
    try {
      writeFileSync(temporary, this.content, { flag: 'wx' });
      linkSync(temporary, this.file);
      return true;
    } catch (error) {
      // Who has the lock clears the folder of temporary files.
      if (codeOf(error) === 'EEXIST' || isLostLink(error)) return false;
      if (linkless.has(codeOf(error) ?? '')) return this.createWithoutLink();
      throw writeFailure(this.file, error);
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  private createWithoutLink(): boolean {
    try {
      writeFileSync(this.file, this.content, { flag: 'wx' });
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw writeFailure(this.file, error);
    }
  }

  /** Removes a lock whose process is gone; throws where it is not. */
  private requireGone(): void {
    const found = this.read();
    if (found === undefined) return;
    const holder = parse(found);
    if (holder && !isGone(holder))
      throw new InputError(
        `${this.file}: expected no other trainer on this run, got process ${holder.pid} on ` +
          `${holder.host}${holder.host === hostname() ? '' : '; if it has ended, remove the file'}`,
      );
    this.remove(found);
  }

  /** Another process may have taken a stale lock over meanwhile: what is moved away is looked at. */
  private remove(stale: string): void {
    const aside = temporaryName(this.file);
    try {
      renameSync(this.file, aside);
      if (readFileSync(aside, 'utf8') !== stale) linkSync(aside, this.file);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw writeFailure(this.file, error);
    } finally {
      rmSync(aside, { force: true });
    }
  }

  private read(): string | undefined {
    try {
      return readFileSync(this.file, 'utf8');
    } catch {
      return undefined;
    }
  }
}

// What file systems without hard links answer.
const linkless = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

function parse(text: string): Holder | undefined {
  try {
    const { pid, host, started } = JSON.parse(text) as Holder;
    return Number.isInteger(pid) && pid > 0 && typeof host === 'string'
      ? { pid, host, started }
      : undefined;
  } catch {
    return undefined; // cut short by a kill or a full disk
  }
}

function isGone({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
  return started !== undefined && started !== startOf(pid);
}

/** The 22nd field of /proc/PID/stat, ticks since boot; the second, a name, may hold anything. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined; // no Linux
  }
}

function isLostLink(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'link';
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
