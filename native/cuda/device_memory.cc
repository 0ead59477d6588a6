#include "cuda/device_memory.h"

#include <cuda.h>

#include <algorithm>
#include <vector>

#include "cuda/check.h"

namespace menet {

namespace {

// The driver's virtual memory functions; looked up, since nothing links the driver.
template <typename Function>
Function* driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check(cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found), name);
  if (function == nullptr) throw_error("CUDA: expected a driver with ", name, ", found none");
  return reinterpret_cast<Function*>(function);
}

#define MENET_DRIVER_FUNCTION(name) \
  decltype(&::name) const name = driver_function<decltype(::name)>(#name)

struct Driver {
  MENET_DRIVER_FUNCTION(cuMemAddressReserve);
  MENET_DRIVER_FUNCTION(cuMemCreate);
  MENET_DRIVER_FUNCTION(cuMemMap);
  MENET_DRIVER_FUNCTION(cuMemSetAccess);
  MENET_DRIVER_FUNCTION(cuMemUnmap);
  MENET_DRIVER_FUNCTION(cuMemRelease);
  MENET_DRIVER_FUNCTION(cuGetErrorName);

  void check(CUresult status, const char* doing) const {
    if (status == CUDA_SUCCESS) return;
    const char* name = "an unknown error";
    cuGetErrorName(status, &name);
    throw DeviceError(std::string(doing) + ": the CUDA driver says " + name);
  }
};

// Physical memory in units of one size, each mapped when it is first needed: a multiple of
// every device's granularity (2 MiB), and few enough for 141 GB.
constexpr size_t kUnit = size_t{32} << 20;

class DeviceArena : public Arena {
 public:
  DeviceArena(int ordinal, size_t capacity) : ordinal_(ordinal) {
    capacity_ = (capacity + kUnit - 1) / kUnit * kUnit;
    CUdeviceptr base = 0;
    if (driver_.cuMemAddressReserve(&base, capacity_, 0, 0, 0) != CUDA_SUCCESS) {
      throw_error("allocate: expected ", capacity_, " bytes of addresses on cuda:", ordinal,
                  ", got none");
    }
    base_ = base;
  }

  char* base() const override {
    return reinterpret_cast<char*>(base_);  // NOLINT(performance-no-int-to-ptr)
  }
  size_t capacity() const override { return capacity_; }
  size_t unit() const override { return kUnit; }

  bool commit(size_t offset, size_t bytes) override {
    check(cudaSetDevice(ordinal_), "allocate");
    for (size_t done = 0; done < bytes; done += kUnit) {
      if (map(offset + done)) continue;
      unmap(offset, done);
      return false;
    }
    return true;
  }

  void decommit(size_t offset, size_t bytes) override {
    check(cudaSetDevice(ordinal_), "releasing memory");
    check(cudaDeviceSynchronize(), "releasing memory");  // kernels that run may still use it
    unmap(offset, bytes);
  }

 private:
  // False where the device has no more.
  bool map(size_t offset) {
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, ordinal_};
    CUmemGenericAllocationHandle handle = 0;
    const CUresult created = driver_.cuMemCreate(&handle, kUnit, &properties, 0);
    if (created == CUDA_ERROR_OUT_OF_MEMORY) return false;
    driver_.check(created, "allocate");
    const CUdeviceptr address = base_ + offset;
    const CUresult mapped = driver_.cuMemMap(address, kUnit, 0, handle, 0);
    // The mapping keeps the memory alive.
    driver_.check(driver_.cuMemRelease(handle), "allocate");
    driver_.check(mapped, "allocate");
    CUmemAccessDesc access{properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    const CUresult opened = driver_.cuMemSetAccess(address, kUnit, &access, 1);
    if (opened != CUDA_SUCCESS) unmap(offset, kUnit);
    driver_.check(opened, "allocate");
    return true;
  }

  void unmap(size_t offset, size_t bytes) {
    for (size_t done = 0; done < bytes; done += kUnit) {
      driver_.check(driver_.cuMemUnmap(base_ + offset + done, kUnit), "releasing memory");
    }
  }

  Driver driver_;
  int ordinal_;
  CUdeviceptr base_ = 0;
  size_t capacity_ = 0;
};

}  // namespace

std::unique_ptr<Allocator> make_device_allocator(int ordinal, size_t capacity) {
  return make_caching_allocator(std::make_unique<DeviceArena>(ordinal, capacity));
}

}  // namespace menet
