import { type NativeKernels } from '../kernel.js';

export const resizing: NativeKernels = {
  ResizeBilinear: ({ inputs, attrs, backend }) => {
    const images = inputs.images!;
    if (images.dtype !== 'float32') return undefined;
    const { size, alignCorners, halfPixelCenters } = attrs as {
      size: number[];
      alignCorners: boolean;
      halfPixelCenters: boolean;
    };
    return backend.run('ResizeBilinear', [images], { size, alignCorners, halfPixelCenters })[0];
  },
};
