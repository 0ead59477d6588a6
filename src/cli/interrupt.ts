import { constants } from 'node:os';

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
}
