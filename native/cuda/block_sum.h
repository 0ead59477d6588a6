// Reductions within a block, in an order that depends on nothing but the block's size.
#pragma once

#include "cuda/launch.h"

namespace menet {

// f over the values of a warp's lanes, in every lane. f(a, b) must be the same as f(b, a).
template <typename T, typename F>
__device__ T warp_reduce(T value, F f) {
  for (int bits = kWarp / 2; bits > 0; bits /= 2) {
    value = f(value, __shfl_xor_sync(kFullWarp, value, bits));
  }
  return value;
}

// f over the values of a block of kThreads threads, in every thread.
template <int kThreads, typename T, typename F>
__device__ T block_reduce(T value, F f) {
  constexpr int kWarps = kThreads / kWarp;
  MENET_SHARED(T, of_warp, kWarps);
  value = warp_reduce(value, f);
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  value = of_warp[0];
  for (int w = 1; w < kWarps; ++w) value = f(value, of_warp[w]);
  __syncthreads();  // before it is used again
  return value;
}

struct Plus {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

}  // namespace menet
