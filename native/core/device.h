// A device: memory, transfers and a stream to run kernels on. Nothing outside this class may
// assume that its memory is the host's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/allocator.h"

namespace menet {

enum class DeviceKind { kCpu, kCuda };

// Bytes on their way to the host.
class PendingRead {
 public:
  virtual ~PendingRead() = default;
  virtual void finish(void* host) = 0;  // waits for them; on any thread, once
};

// Bytes on their way to the device.
class PendingWrite {
 public:
  virtual ~PendingWrite() = default;
  virtual void run() = 0;     // reads the host's memory; on any thread, once
  virtual void finish() = 0;  // behind it, what is started from now on sees the bytes
};

// All launches of one kernel by one op since the profile was started.
struct KernelTime {
  std::string op;
  std::string kernel;
  int64_t launches = 0;
  double milliseconds = 0;
  double bytes = 0;  // of the buffers that its arguments point to, each once in a launch
};

class Profile;

// Work on a device that was captured to be started again as one.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void launch() = 0;  // behind everything that was started so far
};

class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  virtual std::string name() const = 0;  // "cpu", "cuda:0"
  virtual Allocator& allocator() = 0;
  virtual void write(void* device, const void* host, size_t bytes) = 0;
  virtual void read(void* host, const void* device, size_t bytes) = 0;
  // The bytes as they are behind everything that was started so far; the memory may be written
  // or freed at once.
  virtual std::unique_ptr<PendingRead> start_read(const void* device, size_t bytes) = 0;
  // Writes behind everything that was started so far, beside what is started afterwards: nothing
  // else may use the memory until it is finished.
  virtual std::unique_ptr<PendingWrite> start_write(void* device, const void* host,
                                                    size_t bytes) = 0;
  // Within the device.
  virtual void copy(void* to, const void* from, size_t bytes) { write(to, from, bytes); }
  // What the work would start, on the calling thread; null on a device that starts nothing: there
  // the work itself is what can be done again.
  virtual std::unique_ptr<Graph> capture(const std::function<void()>&) { return nullptr; }
  virtual void* stream() { return nullptr; }  // cudaStream_t where there is one

  // Times of single kernels between the two calls (cuda/profile.h); the CPU has none.
  virtual void start_profile() {}
  virtual std::vector<KernelTime> finish_profile() { return {}; }
  virtual Profile* profile() { return nullptr; }  // between the two

  // The op that was started last: what fails behind the caller's back may be it.
  void started(const char* op) { last_op_ = op; }
  const char* last_op() const { return last_op_; }

 private:
  std::atomic<const char*> last_op_{nullptr};
};

struct DeviceInfo {
  std::string name;         // "cpu", "cuda:0"
  std::string description;  // the GPU's model
  size_t memory = 0;        // bytes
  std::string compute_capability;
  std::string driver;     // the newest version of CUDA that it knows
  std::string libraries;  // of NVIDIA's, that are used beside the built-in kernels
};

struct DeviceList {
  std::vector<DeviceInfo> devices;
  std::string why_no_cuda;  // empty where there is a GPU
};

DeviceList list_devices();

// The device called `name` ("cuda" is "cuda:0"); throws saying why there is none. Devices live
// until the process ends. MENET_MEMORY_LIMIT is the most bytes that each may reserve.
Device& device_named(const std::string& name);

}  // namespace menet
