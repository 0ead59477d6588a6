import { type TensorInfo } from '@tensorflow/tfjs';

/** Whether all tensors that are given are float32, the type that native arithmetic is in. */
export function areFloats(...tensors: (TensorInfo | null | undefined)[]): boolean {
  return tensors.every((tensor) => !tensor || tensor.dtype === 'float32');
}
