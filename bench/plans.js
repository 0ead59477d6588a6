/** Batch 1 of a network, eager and as a plan, in turn: node bench/plans.js [MODEL.json] [SIZE] */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { compile, createModel, readModelConfig } from '../dist/index.js';

const published = path.join(import.meta.dirname, '../config/imagenet/model-config/menet');
const [file = path.join(published, '228-MENet-12x1-group-3.json'), size = '224'] =
  process.argv.slice(2);
const rounds = 60;

await tf.setBackend('menet');
const model = createModel(readModelConfig(file), { seed: 1 });
const images = tf.randomUniform([1, Number(size), Number(size), 3]);
const plan = compile((x) => model.apply(x));
const subjects = [() => model.apply(images), () => plan.run(images)];
const times = subjects.map(() => []);
for (let round = -5; round < rounds; round++) {
  subjects.forEach((subject, i) => {
    const start = performance.now();
    const logits = subject();
    logits.dataSync();
    if (round >= 0) times[i].push(performance.now() - start);
    logits.dispose();
  });
}
const [eager, replay] = times.map((each) => each.sort((a, b) => a - b)[rounds / 2]);
const { arena, needed, unshared } = plan.memory;
console.log(
  `eager ${eager.toFixed(2)} ms, replay ${replay.toFixed(2)} ms: ${(eager / replay).toFixed(1)} times; ` +
    `arena ${arena} bytes, ${needed} needed at once, ${unshared} without sharing`,
);
