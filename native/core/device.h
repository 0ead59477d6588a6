// A device: memory, transfers and a stream to run kernels on. The CPU is the only
// one so far; nothing outside this class may assume that its memory is the host's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/allocator.h"

namespace menet {

enum class DeviceKind { kCpu, kCuda };

class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  virtual std::string name() const = 0;  // "cpu", "cuda:0"
  virtual Allocator& allocator() = 0;
  virtual void write(void* device, const void* host, size_t bytes) = 0;
  virtual void read(void* host, const void* device, size_t bytes) = 0;
  virtual void* stream() { return nullptr; }  // cudaStream_t where there is one
};

// The device called `name`; throws when there is none. Devices live until the process ends.
Device& device_named(const std::string& name);

}  // namespace menet
