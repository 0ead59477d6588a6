/**
 * How fast images are fed: sharp alone (only decompressing), the loader, the loader with a cache,
 * and training steps, taking turns on the same cores. After `npm run build`:
 *
 *   taskset -c 0,1 node bench/loader.js FOLDER [--threads 2] [--rounds 7] [--transform evaluate]
 *     [--cache DIR] [--models config/imagenet/model-config/menet/108-MENet-8x1-group-3.json,...]
 *
 * Images per second, and processor time per image, which other processes disturb less; medians.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '7' },
    transform: { type: 'string', default: 'evaluate' },
    cache: { type: 'string' },
    models: { type: 'string', default: '' },
  },
});
const threads = Number(values.threads);
const rounds = Number(values.rounds);
process.env.MENET_THREADS = values.threads;
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, threads));

const { default: sharp } = await import('sharp');
const tf = await import('@tensorflow/tfjs');
const menet = await import('../dist/index.js');

const imageSize = 224;
const batchSize = 32;
const folder = await menet.scanImageFolder(positionals[0]);
const { transform } = values;

function startLoader(cache) {
  const options = { batchSize, imageSize, transform, workers: threads, seed: 1, shuffle: true };
  const loader = new menet.ImageLoader(folder, { ...options, cache });
  let epoch = 0;
  const run = async () => {
    let images = 0;
    for await (const { size } of loader.epoch(epoch++)) images += size;
    return images;
  };
  return { run, close: () => loader.close() };
}

/** As many images at a time as there are threads, one thread each. */
function startSharp() {
  sharp.concurrency(1);
  sharp.cache(false);
  const run = async () => {
    let next = 0;
    const decode = async () => {
      while (next < folder.samples.length)
        await sharp(folder.samples[next++].file).raw().toBuffer();
    };
    await Promise.all(Array.from({ length: threads }, decode));
    return folder.samples.length;
  };
  return { run, close: async () => {} };
}

async function startTraining(file) {
  await tf.setBackend('menet');
  const model = menet.createModel(menet.readModelConfig(file), { seed: 1 });
  const optimizer = menet.createOptimizer(
    { name: 'SGD', momentum: 0.9, nesterov: true },
    menet.parameterGroups(model, { weight_decay: 4e-5 }),
  );
  const images = tf.randomNormal([batchSize, imageSize, imageSize, 3]);
  const labels = tf.zeros([batchSize], 'int32');
  const run = async () => {
    const { loss, logits } = menet.trainingStep(model, optimizer, images, labels, 0.01);
    await loss.data();
    tf.dispose([loss, logits]);
    return batchSize;
  };
  const close = async () => {
    tf.dispose([images, labels]);
    optimizer.dispose();
    model.dispose();
  };
  return { run, close };
}

/** Images per second, and milliseconds of processor time per image. */
async function time(run) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const images = await run();
  const seconds = (performance.now() - start) / 1e3;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: images / seconds, cpu: (user + system) / 1e3 / images };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Lets all take turns, and prints each one's medians and its rate by the first one's. */
async function compare(runners) {
  const times = new Map();
  for (const [name, { run }] of runners) {
    await run();
    times.set(name, []);
  }
  for (let round = 0; round < rounds; round++)
    for (const [name, { run }] of runners) times.get(name).push(await time(run));
  const [first] = times.values();
  for (const [name, own] of times) {
    const ratio = (of) => median(own.map((each, round) => of(each, first[round]))).toFixed(2);
    const rate = median(own.map(({ rate }) => rate)).toFixed(0);
    const cpu = median(own.map(({ cpu }) => cpu)).toFixed(3);
    const wall = ratio((a, b) => a.rate / b.rate);
    const work = ratio((a, b) => b.cpu / a.cpu);
    console.log(`${name.padEnd(34)}${rate.padStart(6)} images/s, x ${wall}   ${cpu} ms, x ${work}`);
  }
  for (const { close } of runners.values()) await close();
}

const cache =
  values.cache && (await menet.openRawCache(folder, { directory: values.cache, imageSize }));
const feeding = new Map([
  ['sharp', startSharp()],
  [`loader, ${transform}`, startLoader()],
]);
if (cache) feeding.set('  with a cache', startLoader(cache));
await compare(feeding);
for (const file of values.models.split(',').filter(Boolean)) {
  const name = file.replace(/^.*\/|\.json$/g, '');
  const runners = new Map([[name, await startTraining(file)]]);
  await compare(runners.set('  loader with a cache', startLoader(cache)));
}
if (cache) menet.closeRawCache(cache);
