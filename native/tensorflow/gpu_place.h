// Where a call on TensorFlow's GPU tensors runs.
#pragma once

#include <memory>
#include <vector>

#include "core/op.h"
#include "tensorflow/c_api.h"

namespace menet::tensorflow {

// The GPU that the inputs lie on, with this core's stream and TensorFlow's memory: TensorFlow takes
// a GPU's memory for itself, so that scratch comes from there too. Its C API does not give its
// stream: the whole device is waited for before the call, and the call's stream after it.
class GpuPlace {
 public:
  GpuPlace(TF_OpKernelContext* context, const std::vector<Tensor>& inputs);
  ~GpuPlace();
  GpuPlace(const GpuPlace&) = delete;
  GpuPlace& operator=(const GpuPlace&) = delete;

  Device& device() const;
  void* output(int i, const TensorType& type);
  void finish();

 private:
  class Borrowed;

  TF_OpKernelContext* context_;
  std::unique_ptr<Borrowed> device_;
};

}  // namespace menet::tensorflow
