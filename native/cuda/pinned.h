// Page-locked host memory that copies to and from a device go through, so that they run beside
// the host's work. Blocks are kept and used again: locking pages is slow.
#pragma once

#include <cuda_runtime.h>

#include <deque>
#include <map>
#include <mutex>
#include <vector>

namespace menet {

struct Pinned {
  void* data = nullptr;
  size_t bytes = 0;
  cudaEvent_t copied = nullptr;  // recorded behind the copy
};

// Thread-safe.
class PinnedPool {
 public:
  // A block of at least `bytes` bytes that no copy uses any more.
  Pinned take(size_t bytes);
  void give_back(const Pinned& block);
  // Gives it back once its copy is over; nobody has to wait.
  void give_back_when_copied(const Pinned& block);

 private:
  // Under the lock:
  void reap();
  Pinned make(size_t size);
  void release_free();

  std::mutex mutex_;
  std::multimap<size_t, Pinned> free_;
  std::deque<Pinned> copying_;
  size_t copying_bytes_ = 0;
};

}  // namespace menet
