// Times of single kernels, for the benchmark: events around each launch, and the bytes of the
// buffers that it was given.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "core/device.h"

namespace menet {

class Profile {
 public:
  Profile(Device& device, cudaStream_t stream) : device_(device), stream_(stream) {}
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  void begin(const char* op, const void* kernel);
  // Looks for pointers to the device's memory in an argument, a struct or a pointer itself.
  template <typename T>
  void argument(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    scan(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void end();

  std::vector<KernelTime> finish();  // waits for the last one

 private:
  struct Launch {
    std::string op;
    std::string kernel;
    cudaEvent_t before = nullptr;
    cudaEvent_t after = nullptr;
    std::map<const void*, size_t> blocks;
  };
  void scan(const char* bytes, size_t size);

  Device& device_;
  cudaStream_t stream_;
  std::vector<Launch> launches_;
};

}  // namespace menet
