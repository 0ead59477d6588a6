#include "core/allocator.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "core/error.h"

namespace menet {

namespace {

constexpr size_t kAlignment = 64;
#ifdef MENET_SANITIZE
constexpr size_t kSegment = 0;
#else
constexpr size_t kSegment = size_t{8} << 20;  // the least asked of the system at a time
#endif

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Best fit over segments that are split and merged. Blocks of one segment are
// neighbours in `blocks_`, which is ordered by address.
class CachingAllocator : public Allocator {
 public:
  explicit CachingAllocator(std::unique_ptr<SystemMemory> memory) : memory_(std::move(memory)) {}

  ~CachingAllocator() override { CachingAllocator::release_cache(); }

  void* allocate(size_t bytes) override {
    const size_t size = std::max(round_up(bytes, kAlignment), kAlignment);
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = free_.lower_bound({size, nullptr});
    char* address = found != free_.end() ? found->second : reserve(size);
    take(address, size);
    ++statistics_.allocations;
    statistics_.bytes_in_use += size;
    statistics_.peak_bytes_in_use =
        std::max(statistics_.peak_bytes_in_use, statistics_.bytes_in_use);
    return address;
  }

  void free(void* pointer) override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto block = blocks_.find(static_cast<char*>(pointer));
    statistics_.bytes_in_use -= block->second.size;
    block->second.used = false;
    block = merge_with_next(block);
    if (block != blocks_.begin()) {
      auto previous = std::prev(block);
      if (!previous->second.used && previous->second.segment == block->second.segment) {
        free_.erase({previous->second.size, previous->first});
        block = merge_with_next(previous);
      }
    }
    free_.insert({block->second.size, block->first});
    if (kSegment == 0) release_segments();
  }

  void release_cache() override {
    std::lock_guard<std::mutex> lock(mutex_);
    release_segments();
  }

  AllocatorStatistics statistics() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return statistics_;
  }

  void reset_peak() override {
    std::lock_guard<std::mutex> lock(mutex_);
    statistics_.peak_bytes_in_use = statistics_.bytes_in_use;
    statistics_.peak_bytes_reserved = statistics_.bytes_reserved;
  }

 private:
  struct Block {
    size_t size;
    char* segment;  // address of the segment's first block
    bool used;
  };
  using Blocks = std::map<char*, Block>;

  // A new segment as one free block. When the system has no more, cached segments
  // are given back first.
  char* reserve(size_t size) {
    const size_t bytes = kSegment == 0 ? size : round_up(size, kSegment);
    void* memory = memory_->allocate(bytes);
    if (memory == nullptr) {
      release_segments();
      memory = memory_->allocate(bytes);
    }
    if (memory == nullptr) {
      throw_error("allocate: expected ", bytes, " bytes of free memory, got none; ",
                  statistics_.bytes_in_use, " bytes are in use");
    }
    char* address = static_cast<char*>(memory);
    blocks_[address] = {bytes, address, false};
    free_.insert({bytes, address});
    ++statistics_.system_allocations;
    statistics_.bytes_reserved += bytes;
    statistics_.peak_bytes_reserved =
        std::max(statistics_.peak_bytes_reserved, statistics_.bytes_reserved);
    return address;
  }

  void take(char* address, size_t size) {
    Block& block = blocks_[address];
    free_.erase({block.size, address});
    if (block.size > size) {
      char* rest = address + size;
      blocks_[rest] = {block.size - size, block.segment, false};
      free_.insert({block.size - size, rest});
      block.size = size;
    }
    block.used = true;
  }

  Blocks::iterator merge_with_next(Blocks::iterator block) {
    auto next = std::next(block);
    if (next != blocks_.end() && !next->second.used &&
        next->second.segment == block->second.segment) {
      free_.erase({next->second.size, next->first});
      block->second.size += next->second.size;
      blocks_.erase(next);
    }
    return block;
  }

  void release_segments() {
    for (auto block = blocks_.begin(); block != blocks_.end();) {
      auto next = std::next(block);
      const bool whole = block->second.segment == block->first &&
                         (next == blocks_.end() || next->second.segment != block->first);
      if (whole && !block->second.used) {
        free_.erase({block->second.size, block->first});
        memory_->free(block->first, block->second.size);
        statistics_.bytes_reserved -= block->second.size;
        blocks_.erase(block);
      }
      block = next;
    }
  }

  std::unique_ptr<SystemMemory> memory_;
  mutable std::mutex mutex_;
  Blocks blocks_;
  std::set<std::pair<size_t, char*>> free_;
  AllocatorStatistics statistics_;
};

}  // namespace

std::unique_ptr<Allocator> make_allocator(std::unique_ptr<SystemMemory> memory) {
  return std::make_unique<CachingAllocator>(std::move(memory));
}

}  // namespace menet
