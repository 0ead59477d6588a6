#include "cuda/check.h"

namespace menet {

bool loses_device(cudaError_t status) {
  switch (status) {
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

void throw_cuda_error(cudaError_t status, const std::string& doing) {
  cudaGetLastError();  // forgets it, unless the device is lost
  const char* consequence = loses_device(status) ? "; a kernel started here or before failed, and "
                                                   "this process cannot use the GPU any more "
                                                   "(CUDA_LAUNCH_BLOCKING=1 tells which)"
                                                 : "";
  throw DeviceError(doing + ": CUDA says " + cudaGetErrorString(status) + " (" +
                    cudaGetErrorName(status) + ")" + consequence);
}

}  // namespace menet
