#include "core/device.h"

#include <cstdlib>
#include <cstring>

#include "core/error.h"

namespace menet {

namespace {

constexpr size_t kCacheLine = 64;

class HostMemory : public SystemMemory {
 public:
  void* allocate(size_t bytes) override {
    return std::aligned_alloc(kCacheLine, (bytes + kCacheLine - 1) / kCacheLine * kCacheLine);
  }
  void free(void* pointer, size_t) override { std::free(pointer); }
};

class Cpu : public Device {
 public:
  DeviceKind kind() const override { return DeviceKind::kCpu; }
  std::string name() const override { return "cpu"; }
  Allocator& allocator() override { return *allocator_; }
  void write(void* device, const void* host, size_t bytes) override {
    if (bytes > 0) std::memcpy(device, host, bytes);
  }
  void read(void* host, const void* device, size_t bytes) override {
    if (bytes > 0) std::memcpy(host, device, bytes);
  }

 private:
  std::unique_ptr<Allocator> allocator_ = make_allocator(std::make_unique<HostMemory>());
};

}  // namespace

Device& device_named(const std::string& name) {
  static Cpu& cpu = *new Cpu;  // outlives static destruction
  if (name == "cpu") return cpu;
  throw_error("device: expected cpu, the only device of this build, got ", name);
}

}  // namespace menet
