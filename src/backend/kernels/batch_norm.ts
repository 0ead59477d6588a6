import { type NativeKernels } from '../kernel.js';
import { areFloats } from './float_inputs.js';

export const normalization: NativeKernels = {
  FusedBatchNorm: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    const { mean, variance, offset, scale } = inputs;
    const statistics = [mean, variance, offset, scale].map((info) => info ?? null);
    const channels = x.shape.at(-1);
    const perChannel = statistics.every(
      (info) => info === null || (info.shape.length === 1 && info.shape[0] === channels),
    );
    if (!perChannel || !areFloats(x, ...statistics)) return undefined;
    const varianceEpsilon = (attrs.varianceEpsilon as number | undefined) ?? 0.001;
    return backend.run('FusedBatchNorm', [x, ...statistics], { varianceEpsilon })[0];
  },
};
