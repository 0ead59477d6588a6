#include "cuda/graph.h"

#include <cstring>

#include "cuda/check.h"

namespace menet {

namespace {

thread_local CudaGraph* current = nullptr;

}  // namespace

CudaGraph* CudaGraph::capturing() { return current; }

CudaGraph::CudaGraph(Device& device, PinnedPool& pool, cudaStream_t stream,
                     const std::function<void()>& work)
    : device_(device), pool_(pool), stream_(stream) {
  try {
    capture(work);
  } catch (...) {
    for (const Pinned& block : staging_) pool_.give_back(block);
    throw;
  }
}

// Relaxed: page-locked memory and attributes of kernels may be asked for meanwhile.
void CudaGraph::capture(const std::function<void()>& work) {
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "capturing");
  struct Capturing {
    explicit Capturing(CudaGraph* graph) { current = graph; }
    ~Capturing() { current = nullptr; }
  };
  cudaGraph_t graph = nullptr;
  try {
    const Capturing capturing(this);
    work();
  } catch (...) {
    cudaStreamEndCapture(stream_, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  check(cudaStreamEndCapture(stream_, &graph), "capturing");
  const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "making a graph");
}

// A launch may still be under way: the graph goes when it is over, and so does the memory that
// it copies from.
CudaGraph::~CudaGraph() {
  const auto stream = static_cast<cudaStream_t>(device_.stream());
  cudaGraphExecDestroy(graph_);
  for (const Pinned& block : staging_) {
    cudaEventRecord(block.copied, stream);
    pool_.give_back_when_copied(block);
  }
}

void CudaGraph::write(void* device, const void* host, size_t bytes) {
  if (bytes == 0) return;
  staging_.push_back(pool_.take(bytes));
  std::memcpy(staging_.back().data, host, bytes);
  check(cudaMemcpyAsync(device, staging_.back().data, bytes, cudaMemcpyHostToDevice, stream_),
        "copying");
}

void CudaGraph::launch() {
  check(cudaGraphLaunch(graph_, static_cast<cudaStream_t>(device_.stream())), "starting a graph");
}

}  // namespace menet
