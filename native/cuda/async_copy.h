// Copies from global to shared memory that a thread starts and does not wait for. Below sm_80
// they are ordinary ones.
#pragma once

#include "cuda/launch.h"
#ifndef __CUDACC__
#include "cuda/shim/async_copy.h"
#endif

namespace menet {

#ifdef __CUDACC__

// kBytes: 4, 8 or 16, which both addresses are multiples of.
template <int kBytes>
__device__ void start_copy(void* shared, const void* global) {
#if __CUDA_ARCH__ >= 800
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2;"
               :
               : "r"(to), "l"(global), "n"(kBytes)
               : "memory");
#else
  if constexpr (kBytes == 16) {
    *static_cast<uint4*>(shared) = *static_cast<const uint4*>(global);
  } else if constexpr (kBytes == 8) {
    *static_cast<uint2*>(shared) = *static_cast<const uint2*>(global);
  } else {
    *static_cast<unsigned*>(shared) = *static_cast<const unsigned*>(global);
  }
#endif
}

// Waits for those that this thread has started; a barrier makes them everybody's.
__device__ inline void wait_for_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

#else

using shim::start_copy;
using shim::wait_for_copies;

#endif

}  // namespace menet
