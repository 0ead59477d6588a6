// CUDA calls that throw.
#pragma once

#include <cuda_runtime.h>

#include "core/error.h"

namespace menet {

// Whether CUDA refuses everything else on the device, until the process ends.
bool loses_device(cudaError_t status);

// Throws "copying to cuda:0: CUDA says ..." as a DeviceError, and says so where that is the end of
// the device.
[[noreturn]] void throw_cuda_error(cudaError_t status, const std::string& doing);

// check(cudaMemcpyAsync(...), "copying to cuda:0"). Kernels run behind the caller's back: what
// one of them did may come up in a later call.
inline void check(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) throw_cuda_error(status, doing);
}

}  // namespace menet
