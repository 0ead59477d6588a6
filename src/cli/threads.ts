import { parseInteger, type Flag } from './flags.js';

/** The native core takes no more. */
const most = 256;

export const threadsFlag = {
  help: 'threads that compute (default: MENET_THREADS, else one per core)',
  value: 'N',
  least: 1,
  most,
} as const satisfies Flag;

/** Throws an InputError for a MENET_THREADS that the native core would not take. */
export function checkThreadsVariable(text = process.env.MENET_THREADS): void {
  if (text) parseInteger('MENET_THREADS', text, 1, most);
}
