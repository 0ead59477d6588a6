import { runBench } from '../bench/bench.js';
import { benchOps } from '../bench/cases.js';
import { defineCommand } from './command.js';
import { checkThreadsVariable, threadsFlag } from './threads.js';

/** `menet bench` */
export const bench = defineCommand({
  usage: '[--ops A,B] [--threads N] [--quick] [--json]',
  description:
    'Times the fused operations, forward and with gradient, and a network, against stock\n' +
    'operations on the backends menet, wasm (if @tensorflow/tfjs-backend-wasm is installed) and cpu.',
  example: 'menet bench --ops meUnit,network --threads 2',
  flags: {
    ops: { help: `operations to time, of ${benchOps.join(', ')}`, value: 'A,B', default: 'all' },
    threads: threadsFlag,
    quick: { help: 'one small case per operation, few runs' },
    json: { help: 'print one JSON document' },
  },
  async run({ values: { ops, threads, quick, json } }) {
    checkThreadsVariable();
    await runBench({ ops: ops === 'all' ? undefined : ops.split(','), threads, quick, json });
    return 0;
  },
});
