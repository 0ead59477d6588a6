#include "cuda/pinned.h"

#include <algorithm>

#include "cuda/check.h"

namespace menet {

namespace {

constexpr size_t kSmallest = size_t{64} << 10;
constexpr size_t kMostCopying = size_t{256} << 20;  // beyond it, the oldest copy is waited for

size_t size_class(size_t bytes) {
  size_t size = kSmallest;
  while (size < bytes) size *= 2;
  return size;
}

}  // namespace

Pinned PinnedPool::take(size_t bytes) {
  const size_t size = size_class(bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  reap();
  const auto found = free_.find(size);
  if (found != free_.end()) {
    const Pinned block = found->second;
    free_.erase(found);
    return block;
  }
  return make(size);
}

Pinned PinnedPool::make(size_t size) {
  Pinned block;
  block.bytes = size;
  cudaError_t status = cudaMallocHost(&block.data, size);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    release_free();
    status = cudaMallocHost(&block.data, size);
  }
  if (status != cudaSuccess) {
    throw_cuda_error(status, "allocating " + std::to_string(size) + " bytes of page-locked memory");
  }
  status = cudaEventCreateWithFlags(&block.copied, cudaEventBlockingSync | cudaEventDisableTiming);
  if (status != cudaSuccess) {
    cudaFreeHost(block.data);
    throw_cuda_error(status, "creating an event");
  }
  return block;
}

void PinnedPool::release_free() {
  for (const auto& [size, block] : free_) {
    check(cudaEventDestroy(block.copied), "releasing page-locked memory");
    check(cudaFreeHost(block.data), "releasing page-locked memory");
  }
  free_.clear();
}

void PinnedPool::give_back(const Pinned& block) {
  const std::lock_guard<std::mutex> lock(mutex_);
  free_.insert({block.bytes, block});
}

void PinnedPool::give_back_when_copied(const Pinned& block) {
  const std::lock_guard<std::mutex> lock(mutex_);
  copying_.push_back(block);
  copying_bytes_ += block.bytes;
  reap();
}

void PinnedPool::reap() {
  while (!copying_.empty()) {
    const Pinned& oldest = copying_.front();
    if (copying_bytes_ > kMostCopying) {
      check(cudaEventSynchronize(oldest.copied), "copying to the device");
    } else {
      const cudaError_t status = cudaEventQuery(oldest.copied);
      if (status == cudaErrorNotReady) cudaGetLastError();  // which would have it as an error
      if (status == cudaErrorNotReady) return;
      check(status, "copying to the device");
    }
    copying_bytes_ -= oldest.bytes;
    free_.insert({oldest.bytes, oldest});
    copying_.pop_front();
  }
}

}  // namespace menet
