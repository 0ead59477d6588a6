/** The process of one driver: makes one case's tensors and times it when it is asked. */
import * as tf from '@tensorflow/tfjs';
import { currentDevice } from '../devices.js';
import { findNative, native } from '../native.js';
import { drivers } from './drivers.js';
import { type Reply, type Request, Unavailable } from './messages.js';
import { prepare, type Subject } from './subject.js';

/** About how many values of each output are kept to compare. */
const MAX_SAMPLES = 4096;

const driver = drivers[process.argv[2] as keyof typeof drivers];
let subject: Subject | undefined;

function send(reply: Reply): void {
  process.send?.(reply);
}

/** The driver lacks a kernel or memory, or ran out of WebAssembly's 2 GiB, which shows in many ways. */
function isBeyondDriver(error: Error): boolean {
  return (
    error instanceof Unavailable ||
    error.name === 'RuntimeError' || // WebAssembly's
    /not registered for (the )?backend|bytes of free memory, got none/.test(error.message)
  );
}

async function guard(work: () => Promise<Reply>): Promise<void> {
  try {
    send(await work());
  } catch (error) {
    const { message } = error as Error;
    send(
      isBeyondDriver(error as Error)
        ? { type: 'unavailable', reason: message }
        : { type: 'failed', message },
    );
  }
}

/** Runs the subject, and waits until a value of the last run's last output is here. */
async function run(runs = 1): Promise<{ outputs: tf.Tensor[]; milliseconds: number }> {
  if (!subject) throw new Error('nothing is prepared');
  const start = performance.now();
  for (let i = 1; i < runs; i++) tf.dispose(subject());
  const outputs = subject();
  const probe = tf.tidy(() => tf.slice(tf.reshape(outputs.at(-1)!, [-1]), 0, 1));
  await probe.data();
  const milliseconds = (performance.now() - start) / runs;
  probe.dispose();
  return { outputs, milliseconds };
}

async function thin(tensor: tf.Tensor): Promise<Float32Array> {
  const values = await tensor.data();
  const stride = Math.floor(values.length / MAX_SAMPLES) | 1; // odd: channels are often even
  return Float32Array.from(
    { length: Math.ceil(values.length / stride) },
    (_, i) => values[i * stride]!,
  );
}

type RequestOf<Type> = Extract<Request, { type: Type }>;

/** In a scope of its own: nobody else knows the tensors that a subject is made of. */
async function prepareCase(request: RequestOf<'prepare'>): Promise<Reply> {
  release();
  tf.engine().startScope();
  subject = prepare(request.case, request.mode, driver.fused, request.precision);
  const { outputs, milliseconds } = await run();
  const samples = await Promise.all(outputs.map(thin));
  tf.dispose(outputs);
  return { type: 'prepared', outputs: samples, milliseconds };
}

function release(): void {
  subject = undefined;
  while (tf.engine().state.activeScope) tf.engine().endScope();
  tf.disposeVariables();
  if (tf.getBackend() === 'menet') native().releaseCache(currentDevice());
}

async function time({ runs }: RequestOf<'time'>): Promise<Reply> {
  const memory = tf.getBackend() === 'menet' ? findNative() : undefined;
  memory?.resetPeak(currentDevice());
  const { outputs, milliseconds } = await run(runs);
  tf.dispose(outputs);
  const peakBytes = memory?.memory(currentDevice()).peakBytesInUse;
  return { type: 'timed', milliseconds, peakBytes };
}

async function latencies({ runs }: RequestOf<'latencies'>): Promise<Reply> {
  const milliseconds = [];
  for (let i = 0; i < runs; i++) {
    const once = await run();
    tf.dispose(once.outputs);
    milliseconds.push(once.milliseconds);
  }
  return { type: 'latencies', milliseconds };
}

async function profile(): Promise<Reply> {
  native().startProfile(currentDevice());
  tf.dispose((await run()).outputs);
  return { type: 'profiled', kernels: native().finishProfile(currentDevice()) };
}

/** Bytes a second, read and written, of the device's own copy: the best of some. */
function copy({ bytes }: RequestOf<'copy'>): Reply {
  const door = native();
  const values = Float32Array.from({ length: bytes / 4 }, Math.random); // zeros may be faster
  const id = door.allocate(bytes, currentDevice());
  door.write(id, values);
  const value = new Float32Array(1);
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const runs = 10;
    const start = performance.now();
    for (let i = 0; i < runs; i++) {
      const [y] = door.run('Identity', [{ id, shape: [bytes / 4], dtype: 'float32' }]);
      if (i === runs - 1) door.read(y!.id, value);
      door.free(y!.id);
    }
    best = Math.min(best, (performance.now() - start) / runs);
  }
  door.free(id);
  return { type: 'copied', bytesPerSecond: (2 * bytes * 1000) / best };
}

function answer(request: Request): Promise<Reply> {
  switch (request.type) {
    case 'prepare':
      return prepareCase(request);
    case 'time':
      return time(request);
    case 'latencies':
      return latencies(request);
    case 'profile':
      return profile();
    case 'copy':
      return Promise.resolve(copy(request));
    case 'release':
      release();
      return Promise.resolve({ type: 'released' });
  }
}

tf.enableProdMode();
process.on('message', (request: Request) => void guard(() => answer(request)));
process.on('disconnect', () => process.exit());
void guard(async () => ({ type: 'started', description: await driver.start() }));
