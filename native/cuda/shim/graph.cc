// Streams and graphs: a graph is the list of launches and copies that were captured, with the
// arguments that they had then.
#include "cuda/shim/graph.h"

#include <cuda_runtime.h>

#include <utility>
#include <vector>

#include "cuda/shim/faults.h"
#include "cuda/shim/record.h"

struct CUgraph_st {
  std::vector<std::function<void()>> nodes;
};
struct CUgraphExec_st {
  CUgraph_st graph;
};
struct CUstream_st {
  cudaGraph_t capture = nullptr;
};

namespace menet::shim {

void start(CUstream_st* stream, const std::function<void()>& work) {
  if (!captures(stream)) return work();
  stream->capture->nodes.push_back(work);
}

bool captures(const CUstream_st* stream) { return stream != nullptr && stream->capture != nullptr; }

}  // namespace menet::shim

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (menet::shim::captures(stream)) return cudaErrorStreamCaptureUnsupported;
  menet::shim::note(menet::shim::Event::kStreamWait);
  return menet::shim::lost();
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (menet::shim::captures(stream)) return cudaErrorInvalidValue;
  stream->capture = new CUgraph_st;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = std::exchange(stream->capture, nullptr);
  return *graph == nullptr ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new CUgraphExec_st{*graph};
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  for (const auto& node : exec->graph.nodes) menet::shim::start(stream, node);
  return cudaSuccess;
}
