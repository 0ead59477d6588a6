import { randomStream } from '../random.js';
import type { HostTensor } from '../checkpoints/checkpoint.js';
import type { StateEntry } from './block.js';

/**
 * Initial state of a network, in PyTorch layout: convolutions from He et al.'s normal
 * distribution, the classifier from the uniform one of the same variance, biases and offsets 0,
 * scales 1; the same for the same seed on every backend.
 * @param mode which fan the variance is 2 / fan of; for grouped weights PyTorch's definition, by
 *   which fan-out counts all groups' outputs
 * @see He et al., "Delving Deep into Rectifiers", arXiv:1502.01852
 */
export function initialState(
  entries: readonly StateEntry[],
  mode: 'fan_in' | 'fan_out',
  seed: number,
): Map<string, HostTensor> {
  const random = randomStream(seed, -1, 0);
  return new Map(
    entries.map(({ name, shape, role }) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      const deviation = Math.sqrt(2 / fan(shape, mode));
      if (role === 'conv' || role === 'depthwise') fillNormal(data, deviation, random);
      else if (role === 'linear') fillUniform(data, deviation * Math.sqrt(3), random);
      else data.fill(role === 'scale' || role === 'variance' ? 1 : 0);
      return [name, { shape, data }];
    }),
  );
}

function fan(shape: readonly number[], mode: 'fan_in' | 'fan_out'): number {
  const [out = 1, inputs = 1, ...kernel] = shape;
  return kernel.reduce((product, size) => product * size, mode === 'fan_in' ? inputs : out);
}

/** Box-Muller: two uniform numbers make two normal ones. */
function fillNormal(data: Float32Array, deviation: number, random: () => number): void {
  for (let i = 0; i < data.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    data[i] = radius * Math.cos(angle);
    if (i + 1 < data.length) data[i + 1] = radius * Math.sin(angle);
  }
}

function fillUniform(data: Float32Array, bound: number, random: () => number): void {
  for (let i = 0; i < data.length; i++) data[i] = (2 * random() - 1) * bound;
}
