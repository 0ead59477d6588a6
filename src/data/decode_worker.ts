import { parentPort, workerData } from 'node:worker_threads';
import { BatchDecoder, type BatchJob, type DecoderSetup } from './batch_decoder.js';

/* A decode thread: works off batches in the order given, answering each with its broken images. */

const port = parentPort!;
const decoder = new BatchDecoder(workerData as DecoderSetup);
let previous = Promise.resolve();

port.on('message', (job: BatchJob) => {
  // A failure that is no broken image ends the thread, and so reaches the loader.
  previous = previous.then(async () => {
    port.postMessage(await decoder.decode(job));
  });
});
