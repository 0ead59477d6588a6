import { constants } from 'node:os';
import { RunError } from '../errors.js';
import { printError } from './output.js';

/** Ends a run gracefully at the first SIGINT or SIGTERM, at once at the second. */
export class Interrupt {
  private readonly controller = new AbortController();
  /** 128 + the signal's number, once one came. */
  exitCode = 0;

  /** @param announce called at the first signal */
  constructor(announce: () => void) {
    const receive = (name: NodeJS.Signals): void => {
      this.exitCode = 128 + constants.signals[name];
      if (this.controller.signal.aborted) process.exit(this.exitCode);
      this.controller.abort();
      announce();
    };
    process.on('SIGINT', receive).on('SIGTERM', receive);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Runs what ends in an exit code; where the signal makes it fail, that is the signal's. */
  async run(work: () => Promise<number>): Promise<number> {
    try {
      return await work();
    } catch (error) {
      if (!this.signal.aborted || !(error instanceof RunError)) throw error;
      printError(error.message);
      return this.exitCode;
    }
  }
}
