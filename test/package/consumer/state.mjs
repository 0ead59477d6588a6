// What importing menet changes: tfjs' state, the process's threads, and how long it takes beside tfjs.
import fs from 'node:fs';

const began = performance.now();
const tf = await import('@tensorflow/tfjs');
const tfjsMilliseconds = performance.now() - began;

const threads = () =>
  fs.existsSync('/proc/self/task') ? fs.readdirSync('/proc/self/task').length : 0;
const state = () => ({
  backend: tf.getBackend() ?? null,
  backends: Object.keys(tf.engine().registryFactory).sort(),
  instantiated: Object.keys(tf.engine().registry).sort(),
  priorities: Object.entries(tf.engine().registryFactory)
    .filter(([name]) => name !== 'menet')
    .map(([name, { priority }]) => [name, priority]),
  flags: { ...tf.env().flags },
  knownFlags: Object.keys(tf.env().flagRegistry).sort(),
  memory: { tensors: tf.engine().state.numTensors, buffers: tf.engine().state.numDataBuffers },
  scopes: tf.engine().state.scopeStack.length,
  cpuKernels: tf.getKernelsForBackend('cpu').length,
});

const before = { state: state(), threads: threads() };
const start = performance.now();
await import('menet');
const timeBesideTfjs = (performance.now() - start) / tfjsMilliseconds;
const after = { state: state(), threads: threads() };
await tf.ready();
console.log(JSON.stringify({ before, after, timeBesideTfjs, chosen: tf.getBackend() }));
