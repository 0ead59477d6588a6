// The same work in two worker threads at once.
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

if (isMainThread) {
  const work = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url));
      worker.on('message', resolve).on('error', reject);
    });
  console.log(JSON.stringify(await Promise.all([work(), work()])));
} else {
  const tf = await import('@tensorflow/tfjs');
  const menet = await import('menet');
  const { default: use } = await import('./use.cjs');
  parentPort.postMessage(await use(tf, menet, 'menet'));
}
