import type * as tf from '@tensorflow/tfjs';
import { type KernelCall, type NativeKernel, type NativeKernels } from '../kernel.js';
import { matrixProducts } from './batch_mat_mul.js';
import { convolutions } from './conv2d.js';
import { elementwiseBinary } from './elementwise_binary.js';
import { elementwiseUnary } from './elementwise_unary.js';
import { areFloats } from './float_inputs.js';

/** Native kernels of activations, by the names in the attributes of fused kernels. */
const activations: Record<string, NativeKernel | undefined> = {
  elu: elementwiseUnary.Elu,
  leakyrelu: elementwiseUnary.LeakyRelu,
  prelu: elementwiseBinary.Prelu,
  relu: elementwiseUnary.Relu,
  relu6: elementwiseUnary.Relu6,
  sigmoid: elementwiseUnary.Sigmoid,
};

interface FusedAttrs {
  activation?: string | null;
  leakyreluAlpha?: number;
}

/** y and its data are replaced by those of step(y). */
function then(
  { backend }: KernelCall,
  y: tf.TensorInfo,
  step: NativeKernel,
  inputs: Record<string, tf.TensorInfo>,
  attrs: tf.NamedAttrMap = {},
): tf.TensorInfo {
  const next = step({ inputs, attrs, backend }) as tf.TensorInfo;
  backend.disposeIntermediateTensorInfo(y);
  return next;
}

/** A product, a bias and an activation, each by its native kernel. */
function fused(product: NativeKernel): NativeKernel {
  return (call) => {
    const { bias, preluActivationWeights } = call.inputs;
    const { activation, leakyreluAlpha } = call.attrs as unknown as FusedAttrs;
    const linear = !activation || activation === 'linear';
    const activate = linear ? undefined : activations[activation];
    if (!linear && activate === undefined) return undefined;
    if (!areFloats(bias, preluActivationWeights)) return undefined;
    let y = product(call) as tf.TensorInfo | undefined;
    if (y === undefined) return undefined;
    if (bias) y = then(call, y, elementwiseBinary.Add!, { a: y, b: bias });
    if (activate) {
      const inputs = { x: y, ...(preluActivationWeights && { alpha: preluActivationWeights }) };
      y = then(call, y, activate, inputs, { alpha: leakyreluAlpha ?? 0 });
    }
    return y;
  };
}

export const fusedKernels: NativeKernels = {
  FusedConv2D: fused(convolutions.Conv2D!),
  FusedDepthwiseConv2D: fused(convolutions.DepthwiseConv2dNative!),
  _FusedMatMul: fused(matrixProducts.BatchMatMul!),
};
