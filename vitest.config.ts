import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests that run a second time on CUDA's kernels, which the test build runs on the CPU
 * (native/cuda/shim): the same cases, on another device.
 */
const onCuda = [
  'test/backend/kernels/*.test.ts',
  'test/backend/training.test.ts',
  'test/cuda/**/*.test.ts',
  'test/models/model_backends.test.ts',
  'test/native/{gradients,half_stem,half_units}.test.ts',
  'test/ops/*.test.ts',
  'test/plans/*.test.ts',
  'test/tfjs_core/specs.test.ts',
  'test/train/{photos,step}.test.ts',
];

const testBinary =
  process.env.MENET_TEST_BINARY ?? resolve(import.meta.dirname, 'build/test/Release/menet.node');

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: process.env.CI ? ['default', 'json'] : ['default'],
    outputFile: { json: 'build/reports/vitest.json' },
    projects: [
      {
        extends: true,
        test: { name: 'cpu', include: ['test/**/*.test.ts'], exclude: ['test/cuda/**'] },
      },
      {
        extends: true,
        test: {
          name: 'cuda',
          include: onCuda,
          // The shim's memory is no GPU's: a cuBLAS of this machine could do nothing with it.
          env: { MENET_BINARY: testBinary, MENET_DEVICE: 'cuda', MENET_CUDA_LIBRARIES: 'off' },
        },
      },
    ],
  },
});
