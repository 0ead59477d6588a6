#include "cuda/cuda_device.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "cuda/check.h"
#include "cuda/cublas.h"
#include "cuda/device_memory.h"
#include "cuda/graph.h"
#include "cuda/pinned.h"
#include "cuda/probe.h"
#include "cuda/profile.h"

namespace menet {

namespace {

constexpr size_t kChunk = size_t{32} << 20;  // of a copy that somebody waits for

class CudaDevice : public Device {
 public:
  explicit CudaDevice(int ordinal) : ordinal_(ordinal) {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, ordinal), name().c_str());
    use();
    probe_kernels(name() + " (" + properties.name + ", compute capability " +
                  std::to_string(properties.major) + "." + std::to_string(properties.minor) + ")");
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), name().c_str());
    check(cudaStreamCreateWithFlags(&upload_stream_, cudaStreamNonBlocking), name().c_str());
    allocator_ = make_device_allocator(ordinal, properties.totalGlobalMem);
  }

  DeviceKind kind() const override { return DeviceKind::kCuda; }
  std::string name() const override { return "cuda:" + std::to_string(ordinal_); }
  Allocator& allocator() override { return *allocator_; }  // never throws: it is freed to as well

  void write(void* device, const void* host, size_t bytes) override {
    if (CudaGraph* graph = CudaGraph::capturing()) return graph->write(device, host, bytes);
    write_on(stream_, device, host, bytes);
  }

  void read(void* host, const void* device, size_t bytes) override {
    for (size_t done = 0; done < bytes; done += kChunk) {
      const size_t size = std::min(kChunk, bytes - done);
      start_read(static_cast<const char*>(device) + done, size)
          ->finish(static_cast<char*>(host) + done);
    }
  }

  std::unique_ptr<PendingRead> start_read(const void* device, size_t bytes) override {
    if (CudaGraph::capturing()) throw_error("expected no value to be needed on the host in a plan");
    use_for("reading", bytes);
    auto pending = std::make_unique<Read>(*this, bytes);
    copy(stream_, pending->staging.data, device, bytes, cudaMemcpyDeviceToHost, pending->staging);
    return pending;
  }

  std::unique_ptr<PendingWrite> start_write(void* device, const void* host, size_t bytes) override {
    use_for("writing", bytes);
    return std::make_unique<Write>(*this, device, host, bytes);
  }

  void copy(void* to, const void* from, size_t bytes) override {
    const auto stream = static_cast<cudaStream_t>(this->stream());
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "copying");
  }

  std::unique_ptr<Graph> capture(const std::function<void()>& work) override {
    use();
    const std::lock_guard<std::mutex> one_capture(capture_mutex_);
    if (capture_stream_ == nullptr) {
      check(cudaStreamCreateWithFlags(&capture_stream_, cudaStreamNonBlocking), "capturing");
    }
    return std::make_unique<CudaGraph>(*this, pinned_, capture_stream_, work);
  }

  // The calling thread's capture, where there is one, is none of the other threads' business.
  void* stream() override {
    use();
    CudaGraph* graph = CudaGraph::capturing();
    return graph == nullptr ? stream_ : graph->stream();
  }

  void start_profile() override { profile_ = std::make_unique<Profile>(*this, stream_); }
  std::vector<KernelTime> finish_profile() override {
    if (!profile_) return {};
    const std::unique_ptr<Profile> finished = std::move(profile_);
    return finished->finish();
  }
  Profile* profile() override { return CudaGraph::capturing() ? nullptr : profile_.get(); }

 private:
  struct Read : PendingRead {
    Read(CudaDevice& device, size_t bytes)
        : device(device), bytes(bytes), staging(device.pinned_.take(bytes)) {}
    ~Read() override { device.pinned_.give_back(staging); }
    Read(const Read&) = delete;
    Read& operator=(const Read&) = delete;

    void finish(void* host) override {
      const cudaError_t status = cudaEventSynchronize(staging.copied);
      if (status != cudaSuccess) device.fail(status, "reading", bytes);
      if (bytes > 0) std::memcpy(host, staging.data, bytes);
    }

    CudaDevice& device;
    size_t bytes;
    Pinned staging;
  };

  // On a stream of its own, between two events.
  struct Write : PendingWrite {
    Write(CudaDevice& device, void* to, const void* from, size_t bytes)
        : device(device), to(to), from(from), bytes(bytes) {
      expect(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
      expect(cudaEventRecord(event, device.stream_));
      expect(cudaStreamWaitEvent(device.upload_stream_, event, 0));
    }
    ~Write() override { cudaEventDestroy(event); }
    Write(const Write&) = delete;
    Write& operator=(const Write&) = delete;

    void run() override { device.write_on(device.upload_stream_, to, from, bytes); }
    void finish() override {
      device.use_for("writing", bytes);
      expect(cudaEventRecord(event, device.upload_stream_));
      expect(cudaStreamWaitEvent(device.stream_, event, 0));
    }
    void expect(cudaError_t status) const {
      if (status != cudaSuccess) device.fail(status, "writing", bytes);
    }

    CudaDevice& device;
    void* to;
    const void* from;
    size_t bytes;
    cudaEvent_t event = nullptr;
  };

  // Through page-locked memory, which is filled before this returns.
  void write_on(cudaStream_t stream, void* device, const void* host, size_t bytes) {
    use_for("writing", bytes);
    for (size_t done = 0; done < bytes; done += kChunk) {
      const size_t size = std::min(kChunk, bytes - done);
      const Pinned staging = pinned_.take(size);
      std::memcpy(staging.data, static_cast<const char*>(host) + done, size);
      try {
        copy(stream, static_cast<char*>(device) + done, staging.data, size, cudaMemcpyHostToDevice,
             staging);
      } catch (...) {
        pinned_.give_back(staging);
        throw;
      }
      pinned_.give_back_when_copied(staging);
    }
  }

  [[noreturn]] void fail(cudaError_t status, const char* doing, size_t bytes) const {
    const char* op = last_op();
    throw_cuda_error(status, std::string(doing) + " " + std::to_string(bytes) + " bytes on " +
                                 name() + " (" +
                                 std::to_string(allocator_->statistics().bytes_in_use) + " held)" +
                                 (op == nullptr ? "" : std::string(", after ") + op));
  }

  // Devices are chosen for each host thread.
  void use() const { check(cudaSetDevice(ordinal_), name().c_str()); }
  void use_for(const char* doing, size_t bytes) const {
    const cudaError_t status = cudaSetDevice(ordinal_);
    if (status != cudaSuccess) fail(status, doing, bytes);
  }

  void copy(cudaStream_t stream, void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
            const Pinned& staging) {
    cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, stream);
    if (status == cudaSuccess) status = cudaEventRecord(staging.copied, stream);
    if (status != cudaSuccess) {
      fail(status, kind == cudaMemcpyHostToDevice ? "writing" : "reading", bytes);
    }
  }

  int ordinal_;
  cudaStream_t stream_ = nullptr;
  std::mutex capture_mutex_;
  cudaStream_t capture_stream_ = nullptr;  // libraries keep what they know of a stream
  cudaStream_t upload_stream_ = nullptr;
  std::unique_ptr<Allocator> allocator_;
  PinnedPool pinned_;
  std::unique_ptr<Profile> profile_;
};

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

// The oldest driver of a major version of CUDA, whose builds run on it.
int oldest_driver(int runtime) { return runtime >= 13000 ? 580 : 525; }

std::string needed(int runtime) {
  return "this build needs CUDA " + version(runtime / 1000 * 1000) + ", driver " +
         std::to_string(oldest_driver(runtime)) + " or newer";
}

}  // namespace

std::string why_no_cuda() {
  int count = 0, driver = 0, runtime = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return "";
  cudaGetLastError();
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver; " + needed(runtime);
  if (status == cudaErrorInsufficientDriver) {
    return "an NVIDIA driver for CUDA " + version(driver) + "; " + needed(runtime);
  }
  if (status == cudaErrorNoDevice) return "an NVIDIA driver that sees no GPU";
  return std::string("CUDA says ") + cudaGetErrorString(status);
}

std::vector<DeviceInfo> cuda_devices() {
  std::vector<DeviceInfo> devices;
  int count = 0, driver = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return devices;
  }
  check(cudaDriverGetVersion(&driver), "devices");
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, i), "devices");
    devices.push_back({"cuda:" + std::to_string(i), p.name, p.totalGlobalMem,
                       std::to_string(p.major) + "." + std::to_string(p.minor), version(driver),
                       cublas_found()});
  }
  return devices;
}

Device& cuda_device(int ordinal) {
  static std::mutex& mutex = *new std::mutex;
  static auto& devices = *new std::map<int, std::unique_ptr<Device>>;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Device>& device = devices[ordinal];
  if (device) return *device;
  const std::string reason = why_no_cuda();
  if (!reason.empty()) throw_error("device: expected a CUDA device, found ", reason);
  const size_t count = cuda_devices().size();
  if (static_cast<size_t>(ordinal) >= count) {
    throw_error("device: expected cuda:0 to cuda:", count - 1, ", got cuda:", ordinal);
  }
  device = std::make_unique<CudaDevice>(ordinal);
  return *device;
}

Device& cuda_device_of(const void* pointer) {
  if (pointer == nullptr) return cuda_device(0);
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, pointer), "looking for a pointer's device");
  return cuda_device(attributes.device);
}

void wait_for_device(const char* what) { check(cudaDeviceSynchronize(), what); }

void wait_for_stream(void* stream, const char* what) {
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), what);
}

}  // namespace menet
