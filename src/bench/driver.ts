/** The process of one driver: makes one case's tensors and times it when it is asked. */
import * as tf from '@tensorflow/tfjs';
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

/** The driver lacks a kernel, or ran out of WebAssembly's 2 GiB, which shows in many ways. */
function isBeyondDriver(error: Error): boolean {
  return (
    error instanceof Unavailable ||
    error.name === 'RuntimeError' || // WebAssembly's
    /not registered for (the )?backend/.test(error.message)
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

/** Runs the subject until a value of its last output is here. */
async function run(): Promise<{ outputs: tf.Tensor[]; milliseconds: number }> {
  if (!subject) throw new Error('nothing is prepared');
  const start = performance.now();
  const outputs = subject();
  const probe = tf.tidy(() => tf.slice(tf.reshape(outputs.at(-1)!, [-1]), 0, 1));
  await probe.data();
  const milliseconds = performance.now() - start;
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

async function answer(request: Request): Promise<Reply> {
  if (request.type === 'prepare') subject = prepare(request.case, request.mode, driver.fused);
  const { outputs, milliseconds } = await run();
  const reply: Reply =
    request.type === 'prepare'
      ? { type: 'prepared', outputs: await Promise.all(outputs.map(thin)), milliseconds }
      : { type: 'timed', milliseconds };
  tf.dispose(outputs);
  return reply;
}

tf.enableProdMode();
process.on('message', (request: Request) => void guard(() => answer(request)));
process.on('disconnect', () => process.exit());
void guard(async () => ({ type: 'started', description: await driver.start() }));
