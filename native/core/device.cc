#include "core/device.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

#include "core/error.h"
#include "core/host_arena.h"
#ifdef MENET_CUDA
#include "cuda/cuda_device.h"
#endif

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

  std::unique_ptr<PendingRead> start_read(const void* device, size_t bytes) override {
    return std::make_unique<Copy>(device, bytes);
  }

  std::unique_ptr<PendingWrite> start_write(void* device, const void* host, size_t bytes) override {
    return std::make_unique<Write>(*this, device, host, bytes);
  }

 private:
  struct Write : PendingWrite {
    Write(Cpu& cpu, void* device, const void* host, size_t bytes)
        : cpu(cpu), device(device), host(host), bytes(bytes) {}
    void run() override { cpu.write(device, host, bytes); }
    void finish() override {}

    Cpu& cpu;
    void* device;
    const void* host;
    size_t bytes;
  };

  struct Copy : PendingRead {
    Copy(const void* data, size_t bytes)
        : bytes(static_cast<const char*>(data), static_cast<const char*>(data) + bytes) {}
    void finish(void* host) override {
      if (!bytes.empty()) std::memcpy(host, bytes.data(), bytes.size());
    }
    std::vector<char> bytes;
  };

#ifdef MENET_SANITIZE
  std::unique_ptr<Allocator> allocator_ = make_plain_allocator();
#else
  std::unique_ptr<Allocator> allocator_ = make_caching_allocator(make_host_arena());
#endif
};

#ifndef MENET_CUDA
std::string why_no_cuda() { return "a build without CUDA"; }
std::vector<DeviceInfo> cuda_devices() { return {}; }
Device& cuda_device(int) {
  throw_error("device: expected cpu, the only device of this build, got cuda");
}
#endif

// N of cuda:N; -1 for what is no name of a GPU.
int ordinal_of(const std::string& name) {
  if (name == "cuda") return 0;
  if (name.rfind("cuda:", 0) != 0 || name.size() < 6 || name.size() > 8) return -1;
  int ordinal = 0;
  for (size_t i = 5; i < name.size(); ++i) {
    if (name[i] < '0' || name[i] > '9') return -1;
    ordinal = 10 * ordinal + (name[i] - '0');
  }
  return ordinal;
}

// Once for each device, before it has allocated anything.
void apply_memory_limit(Device& device) {
  static std::mutex& mutex = *new std::mutex;
  static auto& limited = *new std::set<Device*>;
  const std::lock_guard<std::mutex> lock(mutex);
  const char* text = std::getenv("MENET_MEMORY_LIMIT");
  if (text == nullptr || *text == '\0' || limited.count(&device) > 0) return;
  char* end = nullptr;
  const unsigned long long bytes = std::strtoull(text, &end, 10);
  if (*end != '\0' || *text == '-' || bytes == 0) {
    throw_error("MENET_MEMORY_LIMIT: expected a number of bytes above 0, got ", text);
  }
  device.allocator().limit(static_cast<size_t>(bytes));
  limited.insert(&device);
}

}  // namespace

DeviceList list_devices() {
  DeviceList list{cuda_devices(), why_no_cuda()};
  list.devices.insert(list.devices.begin(), {"cpu", "host", 0, "", "", ""});
  return list;
}

Device& device_named(const std::string& name) {
  static Cpu& cpu = *new Cpu;  // outlives static destruction
  const int ordinal = ordinal_of(name);
  if (name != "cpu" && ordinal < 0) throw_error("device: expected cpu, cuda or cuda:N, got ", name);
  Device& device = name == "cpu" ? cpu : cuda_device(ordinal);
  apply_memory_limit(device);
  return device;
}

}  // namespace menet
