// Kernels and copies captured from a stream, started as one.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <vector>

#include "core/device.h"
#include "cuda/pinned.h"

namespace menet {

class CudaGraph : public Graph {
 public:
  // Captures what `work` starts on `device`, the current one, from a stream that nobody else
  // uses; throws what it throws.
  CudaGraph(Device& device, PinnedPool& pool, cudaStream_t stream,
            const std::function<void()>& work);
  ~CudaGraph() override;
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  // The one that the calling thread captures; null outside of one.
  static CudaGraph* capturing();

  cudaStream_t stream() const { return stream_; }  // to capture from
  // The bytes as they are now, copied in every launch: page-locked memory of the graph has them.
  void write(void* device, const void* host, size_t bytes);

  void launch() override;

 private:
  void capture(const std::function<void()>& work);

  Device& device_;
  PinnedPool& pool_;
  cudaStream_t stream_;
  cudaGraphExec_t graph_ = nullptr;
  std::vector<Pinned> staging_;
};

}  // namespace menet
