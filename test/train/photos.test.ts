import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { decodeImage } from '../../src/data/decode.js';
import { createModel, readModelConfig, type Model } from '../../src/models/model.js';
import { loadState } from '../../src/models/state.js';
import { predictImage, type Prediction } from '../../src/train/predict.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

const network = '108-MENet-8x1-group-3';
const config = `../../config/imagenet/model-config/menet/${network}.json`;

describeWithReference('the published 108-MENet on photos', () => {
  let model: Model;

  beforeAll(async () => {
    await tf.setBackend('menet');
    model = createModel(readModelConfig(path.resolve(import.meta.dirname, config)));
    const { tensors } = await readCheckpoint(referenceFile(`checkpoints/${network}.pth.tar`));
    loadState(model, tensors);
  });

  /** Its top-5 of a photo, and what is expected. */
  async function predict(photo: string, file: string, resize: boolean) {
    const image = await decodeImage(referenceFile(`photos/${file}`), {
      imageSize: 224,
      transform: 'evaluate',
      resize,
    });
    const text = readFileSync(referenceFile('expected/photos.json'), 'utf8');
    const expected = JSON.parse(text) as Record<string, Record<string, Prediction[]>>;
    return { top: await predictImage(model, image, 5), expected: expected[photo]![network]! };
  }

  /** The greatest difference from the expected probability of a class. */
  function worstError(top: readonly Prediction[], expected: readonly Prediction[]): number {
    const errors = expected.map((wanted) => {
      const found = top.find((prediction) => prediction.class === wanted.class);
      return found ? Math.abs(found.probability - wanted.probability) : 1;
    });
    return Math.max(...errors);
  }

  it.each([
    ['chelsea.png', 'chelsea.crop224.png'],
    ['coffee.png', 'coffee.crop224.png'],
    ['grace_hopper.jpg', 'grace_hopper.crop224.png'],
  ])('%s: PyTorch’s top-5 from PIL’s crop, in order', async (photo, crop) => {
    const { top, expected } = await predict(photo, crop, false);
    expect(top.map((prediction) => prediction.class)).toEqual(
      expected.map((prediction) => prediction.class),
    );
    expect(worstError(top, expected)).toBeLessThanOrEqual(0.0005);
  });

  it.each(['chelsea.png', 'coffee.png', 'grace_hopper.jpg'])(
    '%s: PyTorch’s top-5 from the photo itself',
    async (photo) => {
      const { top, expected } = await predict(photo, photo, true);
      expect(worstError(top, expected)).toBeLessThanOrEqual(0.015);
      const rank = (index: number) => top.findIndex((prediction) => prediction.class === index);
      expected.slice(1).forEach((lower, i) => {
        const higher = expected[i]!;
        if (higher.probability - lower.probability > 0.03)
          expect(rank(higher.class)).toBeLessThan(rank(lower.class));
      });
    },
  );
});
