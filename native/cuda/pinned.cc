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
  Pinned block;
  block.bytes = size;
  check(cudaMallocHost(&block.data, size), "allocating page-locked memory");
  check(cudaEventCreateWithFlags(&block.copied, cudaEventBlockingSync | cudaEventDisableTiming),
        "creating an event");
  return block;
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
    } else if (cudaEventQuery(oldest.copied) != cudaSuccess) {
      return;
    }
    copying_bytes_ -= oldest.bytes;
    free_.insert({oldest.bytes, oldest});
    copying_.pop_front();
  }
}

}  // namespace menet
