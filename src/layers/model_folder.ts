import * as tf from '@tensorflow/tfjs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFailure, writeFileAtomic } from '../checkpoints/atomic_file.js';
import { InputError } from '../errors.js';
import { makeFolder } from '../make_folder.js';

const modelFile = 'model.json';
const weightsFile = 'weights.bin';

/**
 * A folder to save a tfjs-layers model to and load it from, where tfjs-node's `file://` is not
 * there: `model.save(modelFolder('m'))`, `tf.loadLayersModel(modelFolder('m'))`. It holds
 * `model.json` and `weights.bin` as `file://` writes them, so that either reads what the other
 * wrote, and browsers load it over HTTP.
 * @throws InputError (from loading and saving) naming the file that cannot be read or written
 */
export function modelFolder(folder: string): tf.io.IOHandler {
  return {
    save: (artifacts) => save(folder, artifacts),
    load: () => load(folder),
  };
}

async function save(folder: string, artifacts: tf.io.ModelArtifacts): Promise<tf.io.SaveResult> {
  const { weightData, weightSpecs, ...described } = artifacts;
  const manifest = [{ paths: [weightsFile], weights: weightSpecs ?? [] }];
  const text = JSON.stringify({ ...described, weightsManifest: manifest });
  const weights = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
  try {
    makeFolder(folder);
  } catch (error) {
    throw writeFailure(folder, error);
  }
  await writeFileAtomic(path.join(folder, weightsFile), [weights]);
  await writeFileAtomic(path.join(folder, modelFile), [Buffer.from(text)]);
  return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
}

async function load(folder: string): Promise<tf.io.ModelArtifacts> {
  const file = path.join(folder, modelFile);
  const described = parse(file, await read(file)) as tf.io.ModelJSON;
  return tf.io.getModelArtifactsForJSON(described, async (manifest) => {
    const groups = manifest.flatMap(({ paths }) => paths);
    const parts = await Promise.all(groups.map((name) => read(path.join(folder, name))));
    const whole = Buffer.concat(parts);
    const bytes = whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.byteLength);
    const specs = manifest.flatMap(({ weights }) => weights);
    return [specs, bytes];
  });
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new InputError(
      `${file}: expected a saved model, cannot read it (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

function parse(file: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new InputError(`${file}: expected a saved model, ${(error as Error).message}`);
  }
}
