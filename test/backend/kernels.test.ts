import { expect, test } from 'vitest';
import { nativeKernels } from '../../src/backend/kernels.js';

test('every kernel that networks need is native', () => {
  const needed =
    'Abs Add AddN ArgMax AvgPool AvgPoolGrad BatchMatMul Cast ClipByValue Concat Conv2D Conv2DBackpropFilter ' +
    'Conv2DBackpropInput DepthwiseConv2dNative DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput ' +
    'Equal Exp Fill Floor FusedBatchNorm FusedConv2D GatherV2 Greater GreaterEqual LessEqual Log LogicalAnd Max ' +
    'MaxPool MaxPoolGrad Maximum Mean Minimum Multiply Neg PadV2 RealDiv Relu ResizeBilinear Reverse Rsqrt Select ' +
    'Slice Softmax SplitV Sqrt Square Step Sub Sum Tile Transpose ZerosLike _FusedMatMul';
  // Identity and Reshape share the data of their input, whichever kernel does it.
  expect(needed.split(' ').filter((name) => nativeKernels[name] === undefined)).toEqual([]);
});
