/**
 * Runs tfjs-core's published specs on one backend and writes what came of each to a file.
 * specs.test.ts bundles this file with them and starts it: node BUNDLE BACKEND RESULTS
 */
import { writeFileSync } from 'node:fs';
import Jasmine from 'jasmine';
import * as tf from '@tensorflow/tfjs';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import '../../src/backend/register.js';
import { currentDevice } from '../../src/devices.js';
import { native } from '../../src/native.js';

const [backendName, resultsFile] = process.argv.slice(2);

/** What is held now. Not by tf.memory(), which would choose a backend where a spec has none. */
function held() {
  const { numTensors, numBytes } = tf.engine().state;
  const { buffers, bytesInUse } = native().memory(currentDevice());
  return { tensors: numTensors, bytes: numBytes, buffers, nativeBytes: bytesInUse };
}

function difference(after, before) {
  return Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]));
}

const results = [];
let before = held();

const recorder = {
  specStarted() {
    before = held();
  },
  specDone({ fullName, status, failedExpectations }) {
    const name = fullName.replaceAll(` ${backendName} {}`, '');
    const messages = failedExpectations.map(({ message }) => message);
    results.push({ name, status, messages, left: difference(held(), before) });
  },
  suiteDone({ fullName, failedExpectations }) {
    for (const { message } of failedExpectations) {
      results.push({ name: fullName, status: 'failed', messages: [message] });
    }
  },
};

const runner = new Jasmine();
runner.exitOnCompletion = false;
runner.env.configure({ random: false });
runner.clearReporters();
runner.addReporter(recorder);
setTestEnvs([{ name: backendName, backendName, isDataSync: true }]);
// After setTestEnvs, which decides what the specs describe themselves for.
// eslint-disable-next-line @typescript-eslint/no-require-imports, no-undef
require('@tensorflow/tfjs-core/dist/tests');

runner.execute().then(
  () => writeFileSync(resultsFile, JSON.stringify(results)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
