// CUDA calls that throw.
#pragma once

#include <cuda_runtime.h>

#include "core/error.h"

namespace menet {

// check(cudaMemcpyAsync(...), "copying to cuda:0") throws "copying to cuda:0: CUDA says ...".
// Kernels run behind the caller's back: what one of them did may come up in a later call.
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // forgets it, unless the device is lost
  throw_error(doing, ": CUDA says ", cudaGetErrorString(status), " (", cudaGetErrorName(status),
              ")");
}

}  // namespace menet
