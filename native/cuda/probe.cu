#include "cuda/check.h"
#include "cuda/probe.h"

namespace menet {

namespace {

__global__ void nothing() {}

}  // namespace

void probe_kernels(const std::string& device) {
  cudaFuncAttributes attributes{};
  const cudaError_t status = cudaFuncGetAttributes(&attributes, nothing);
  if (status == cudaErrorNoKernelImageForDevice) {
    cudaGetLastError();
    throw_error("device: expected a GPU of architecture ", MENET_CUDA_ARCHITECTURES, ", found ",
                device);
  }
  check(status, device.c_str());
}

}  // namespace menet
