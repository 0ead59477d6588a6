import * as tf from '@tensorflow/tfjs';
import { blendUpdate } from '../ops/blend_update.js';
import { gradientNorm } from '../ops/gradient_norm.js';

/** Gradients of several batches, averaged over their images. */
export class MeanGradients {
  private mean: tf.NamedTensorMap | undefined;
  private images = 0;

  /** Takes the gradients of the mean loss of some images in, and disposes them. */
  add(gradients: tf.NamedTensorMap, images: number): void {
    this.images += images;
    if (this.mean === undefined) this.mean = gradients;
    else this.blend(gradients, images / this.images);
  }

  /** The L2 norm of the mean so far. */
  norm(): tf.Scalar {
    return gradientNorm(Object.values(this.mean ?? {}));
  }

  /** The mean of what was added since the last call; the caller disposes it. */
  take(): tf.NamedTensorMap {
    const { mean = {} } = this;
    this.mean = undefined;
    this.images = 0;
    return mean;
  }

  private blend(gradients: tf.NamedTensorMap, share: number): void {
    const targets = Object.entries(this.mean!).map(([name, gradient]) => {
      if (gradient instanceof tf.Variable) return [name, gradient] as const;
      const variable = tf.variable(gradient, false);
      gradient.dispose();
      return [name, variable] as const;
    });
    this.mean = Object.fromEntries(targets);
    const values = targets.map(([name]) => gradients[name]!);
    blendUpdate(
      targets.map(([, variable]) => variable),
      values,
      { keep: 1 - share, share },
    );
    tf.dispose(gradients);
  }
}
