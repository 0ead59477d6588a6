#ifdef MENET_CUDA

#include "tensorflow/gpu_place.h"

#include <algorithm>

#include "cuda/cuda_device.h"

namespace menet::tensorflow {

namespace {

void* data_of(TF_Tensor* tensor) {
  void* data = api().TensorData(tensor);
  api().DeleteTensor(tensor);  // the context holds it too
  return data;
}

// Keeps all blocks until it goes: kernels that use a freed one may not have run yet.
class TempAllocator : public Allocator {
 public:
  explicit TempAllocator(TF_OpKernelContext* context) : context_(context) {}
  ~TempAllocator() override {
    for (TF_Tensor* block : blocks_) api().DeleteTensor(block);
  }

  void* allocate(size_t bytes) override {
    const auto size = static_cast<int64_t>(std::max<size_t>(bytes, 1));
    TF_AllocatorAttributes attributes{sizeof attributes, 0};
    const Status status;
    TF_Tensor* block = api().AllocateTemp(context_, TF_UINT8, &size, 1, &attributes, status);
    status.check("allocating scratch memory");
    blocks_.push_back(block);
    return api().TensorData(block);
  }
  void free(void*) override {}
  void release_cache() override {}
  AllocatorStatistics statistics() const override { return {}; }
  std::pair<const void*, size_t> block_at(const void*) const override { return {nullptr, 0}; }
  void reset_peak() override {}
  void limit(size_t) override {}

 private:
  TF_OpKernelContext* context_;
  std::vector<TF_Tensor*> blocks_;
};

}  // namespace

class GpuPlace::Borrowed : public Device {
 public:
  Borrowed(TF_OpKernelContext* context, Device& gpu) : gpu_(gpu), allocator_(context) {}

  DeviceKind kind() const override { return gpu_.kind(); }
  std::string name() const override { return gpu_.name(); }
  Allocator& allocator() override { return allocator_; }
  void write(void* device, const void* host, size_t bytes) override {
    gpu_.write(device, host, bytes);
  }
  void read(void* host, const void* device, size_t bytes) override {
    gpu_.read(host, device, bytes);
  }
  std::unique_ptr<PendingRead> start_read(const void* device, size_t bytes) override {
    return gpu_.start_read(device, bytes);
  }
  std::unique_ptr<PendingWrite> start_write(void* device, const void* host, size_t bytes) override {
    return gpu_.start_write(device, host, bytes);
  }
  void* stream() override { return gpu_.stream(); }

 private:
  Device& gpu_;
  TempAllocator allocator_;
};

GpuPlace::GpuPlace(TF_OpKernelContext* context, const std::vector<Tensor>& inputs)
    : context_(context) {
  const void* pointer = nullptr;
  for (const Tensor& input : inputs) {
    if (input && input.size() > 0) pointer = input.data;
  }
  device_ = std::make_unique<Borrowed>(context, cuda_device_of(pointer));
  wait_for_device(device_->name().c_str());
}

// Before the scratch memory goes back to TensorFlow, whose next kernel may write it.
GpuPlace::~GpuPlace() {
  try {
    finish();
  } catch (const Error&) {
    // finish() has said so, or what is being thrown is why.
  }
}

Device& GpuPlace::device() const { return *device_; }

void* GpuPlace::output(int i, const TensorType& type) {
  const Status status;
  TF_Tensor* tensor =
      api().AllocateOutput(context_, i, TF_FLOAT, type.shape.data(),
                           static_cast<int>(type.shape.size()), type.bytes(), status);
  status.check("allocating an output");
  return data_of(tensor);
}

void GpuPlace::finish() { wait_for_stream(device_->stream(), device_->name().c_str()); }

}  // namespace menet::tensorflow

#endif
