#include "core/device.h"

#include <cstring>

#include "core/error.h"
#include "core/host_arena.h"

namespace menet {

namespace {

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
#ifdef MENET_SANITIZE
  std::unique_ptr<Allocator> allocator_ = make_plain_allocator();
#else
  std::unique_ptr<Allocator> allocator_ = make_caching_allocator(make_host_arena());
#endif
};

}  // namespace

Device& device_named(const std::string& name) {
  static Cpu& cpu = *new Cpu;  // outlives static destruction
  if (name == "cpu") return cpu;
  throw_error("device: expected cpu, the only device of this build, got ", name);
}

}  // namespace menet
