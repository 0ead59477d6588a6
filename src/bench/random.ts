import * as tf from '@tensorflow/tfjs';

/** Seeded values, the same in every driver's process whatever its backend. */
export class Random {
  constructor(private state: number) {}

  /** Uniform in [-1, 1); a step of mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let h = this.state;
    h = Math.imul(h ^ (h >>> 15), h | 1);
    h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
    return ((h ^ (h >>> 14)) >>> 0) / 2 ** 31 - 1;
  }

  /** A tensor of values in center ± spread. */
  tensor<R extends tf.Rank>(shape: tf.ShapeMap[R], spread = 1, center = 0): tf.Tensor<R> {
    const size = (shape as number[]).reduce((product, n) => product * n, 1);
    const values = Float32Array.from({ length: size }, () => center + spread * this.next());
    return tf.tensor<R>(values, shape);
  }

  /** Convolution weights [height, width, in, out], scaled so that a relu keeps the variance. */
  weights(shape: [number, number, number, number], fanIn: number): tf.Tensor4D {
    return this.tensor<tf.Rank.R4>(shape, Math.sqrt(6 / fanIn));
  }
}
