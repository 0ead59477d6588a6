// The CUDA runtime's functions on the host. MENET_SHIM_DRIVER is the version of the driver that
// it pretends to have (13.0 = 13000; 0: none), MENET_SHIM_DEVICES how many GPUs (2).
#include <cuda_runtime.h>

#include <chrono>
#include <cstdlib>

#include "cuda/shim/faults.h"
#include "cuda/shim/record.h"

// Timed ones alone are objects; the others are null.
struct CUevent_st {
  std::chrono::steady_clock::time_point recorded;
};

namespace {

constexpr int kRuntime = 13000;

int number_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::atoi(text);
}

int driver() { return number_of("MENET_SHIM_DRIVER", kRuntime); }
int devices() { return number_of("MENET_SHIM_DEVICES", 2); }

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorLaunchOutOfResources:
      return "cudaErrorLaunchOutOfResources";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    default:
      return "cudaErrorUnknown";
  }
}

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaGetLastError() { return menet::shim::take_launch_error(); }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = driver();
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kRuntime;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = driver() < kRuntime ? 0 : devices();
  if (driver() < kRuntime) return cudaErrorInsufficientDriver;
  return *count == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= devices()) return cudaErrorInvalidDevice;
  *properties = {"CPU shim", size_t{1} << 30, 9, 0};
  return cudaSuccess;
}

// Few multiprocessors, so that small tests have blocks that take several tiles. MENET_SHIM_SHARED:
// KiB of a block, 227 as on sm_90 where it is not set.
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const char* text = std::getenv("MENET_SHIM_SHARED");
  const int block = text == nullptr ? 227 : std::atoi(text);
  if (attribute == cudaDevAttrMultiProcessorCount) *value = 2;
  if (attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin) *value = block << 10;
  if (attribute == cudaDevAttrMaxSharedMemoryPerMultiprocessor) *value = (block + 1) << 10;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device >= 0 && device < devices() ? menet::shim::lost() : cudaErrorInvalidDevice;
}

cudaError_t cudaDeviceSynchronize() {
  menet::shim::note(menet::shim::Event::kDeviceWait);
  return menet::shim::lost();
}

// All memory may be any device's: it is the first one's.
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
  *attributes = {0};
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return menet::shim::lost(); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = nullptr;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (menet::shim::captures(stream)) return cudaErrorStreamCaptureUnsupported;
  if (event != nullptr) event->recorded = std::chrono::steady_clock::now();
  return menet::shim::lost();
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->recorded - from->recorded).count();
  return menet::shim::lost();
}

// The names of functions do not outlive the compiler here.
cudaError_t cudaFuncGetName(const char** name, const void*) {
  *name = "kernel";
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t) { return menet::shim::lost(); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return menet::shim::lost(); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return menet::shim::lost();
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  const cudaError_t status = menet::shim::reach(menet::shim::Site::kPinned);
  if (status != cudaSuccess) return status;
  *pointer = std::malloc(bytes);
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  const cudaError_t status = menet::shim::reach(menet::shim::Site::kCopy);
  if (status != cudaSuccess || bytes == 0) return status;
  menet::shim::start(stream, [=] { std::memmove(to, from, bytes); });
  return status;
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const cudaError_t status = menet::shim::reach(menet::shim::Site::kLaunch);
  if (status != cudaSuccess || bytes == 0) return status;
  menet::shim::start(stream, [=] { std::memset(to, value, bytes); });
  return status;
}
