#include "core/allocator.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "core/error.h"

namespace menet {

namespace {

constexpr size_t kAlignment = 64;

size_t round_up(size_t bytes, size_t unit) {
  if (bytes > SIZE_MAX / 2) throw_error("allocate: expected at most ", SIZE_MAX / 2, " bytes");
  return std::max((bytes + unit - 1) / unit * unit, unit);
}

// What both allocators count.
class CountingAllocator : public Allocator {
 public:
  AllocatorStatistics statistics() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return statistics_;
  }

  void reset_peak() override {
    std::lock_guard<std::mutex> lock(mutex_);
    statistics_.peak_bytes_in_use = statistics_.bytes_in_use;
    statistics_.peak_bytes_reserved = statistics_.bytes_reserved;
  }

  void limit(size_t bytes) override {
    std::lock_guard<std::mutex> lock(mutex_);
    statistics_.bytes_limit = bytes;
  }

 protected:
  // Whether the limit allows that many more bytes to be reserved.
  bool allowed(size_t bytes) const {
    const AllocatorStatistics& s = statistics_;
    return s.bytes_reserved <= s.bytes_limit && bytes <= s.bytes_limit - s.bytes_reserved;
  }
  void count_allocation(size_t bytes) {
    AllocatorStatistics& s = statistics_;
    ++s.allocations;
    s.bytes_in_use += bytes;
    s.peak_bytes_in_use = std::max(s.peak_bytes_in_use, s.bytes_in_use);
  }
  void count_free(size_t bytes) { statistics_.bytes_in_use -= bytes; }
  void count_reserved(size_t bytes) {
    AllocatorStatistics& s = statistics_;
    ++s.system_allocations;
    s.bytes_reserved += bytes;
    s.peak_bytes_reserved = std::max(s.peak_bytes_reserved, s.bytes_reserved);
  }
  void count_returned(size_t bytes) { statistics_.bytes_reserved -= bytes; }
  [[noreturn]] void fail(size_t bytes) const { throw_out_of_memory(bytes, statistics_); }

  mutable std::mutex mutex_;

 private:
  AllocatorStatistics statistics_;
};

// Best fit over the blocks of one arena, split and merged.
class CachingAllocator : public CountingAllocator {
 public:
  explicit CachingAllocator(std::unique_ptr<Arena> arena) : arena_(std::move(arena)) {}

  void* allocate(size_t bytes) override {
    const size_t size = round_up(bytes, kAlignment);
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = free_.lower_bound({size, nullptr});
    char* address = found != free_.end() ? found->second : grow(size);
    take(address, size);
    count_allocation(size);
    return address;
  }

  void free(void* pointer) override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto block = blocks_.find(static_cast<char*>(pointer));
    count_free(block->second.size);
    block->second.used = false;
    merge_with_next(block);
    if (block != blocks_.begin() && !std::prev(block)->second.used) {
      --block;
      free_.erase({block->second.size, block->first});
      merge_with_next(block);
    }
    free_.insert({block->second.size, block->first});
  }

  std::pair<const void*, size_t> block_at(const void* pointer) const override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto block = blocks_.upper_bound(const_cast<char*>(static_cast<const char*>(pointer)));
    if (block == blocks_.begin()) return {nullptr, 0};
    --block;
    const bool inside = block->second.used && pointer < block->first + block->second.size;
    return {block->first, inside ? block->second.size : 0};
  }

  void release_cache() override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (blocks_.empty() || blocks_.rbegin()->second.used) return;
    const auto last = std::prev(blocks_.end());
    const size_t size = last->second.size;
    const size_t kept = (committed_ - size + arena_->unit() - 1) / arena_->unit() * arena_->unit();
    if (kept >= committed_) return;
    const size_t returned = committed_ - kept;
    free_.erase({size, last->first});
    last->second.size -= returned;
    if (last->second.size == 0) {
      blocks_.erase(last);
    } else {
      free_.insert({last->second.size, last->first});
    }
    committed_ = kept;
    arena_->decommit(committed_, returned);
    count_returned(returned);
  }

 private:
  struct Block {
    size_t size;
    bool used;
  };
  using Blocks = std::map<char*, Block>;

  // Lengthens the last free block, or makes one, to hold `size` bytes.
  char* grow(size_t size) {
    const bool last_free = !blocks_.empty() && !blocks_.rbegin()->second.used;
    const size_t have = last_free ? blocks_.rbegin()->second.size : 0;
    const size_t bytes = round_up(size - have, arena_->unit());
    if (bytes > arena_->capacity() - committed_ || !allowed(bytes) ||
        !arena_->commit(committed_, bytes)) {
      fail(size);
    }
    count_reserved(bytes);
    char* address = last_free ? blocks_.rbegin()->first : arena_->base() + committed_;
    committed_ += bytes;
    if (last_free) free_.erase({have, address});
    blocks_[address] = {have + bytes, false};
    free_.insert({have + bytes, address});
    return address;
  }

  void take(char* address, size_t size) {
    Block& block = blocks_[address];
    free_.erase({block.size, address});
    if (block.size > size) {
      char* rest = address + size;
      blocks_[rest] = {block.size - size, false};
      free_.insert({block.size - size, rest});
      block.size = size;
    }
    block.used = true;
  }

  void merge_with_next(Blocks::iterator block) {
    const auto next = std::next(block);
    if (next == blocks_.end() || next->second.used) return;
    free_.erase({next->second.size, next->first});
    block->second.size += next->second.size;
    blocks_.erase(next);
  }

  std::unique_ptr<Arena> arena_;
  size_t committed_ = 0;
  Blocks blocks_;  // all of the committed part, by address
  std::set<std::pair<size_t, char*>> free_;
};

class PlainAllocator : public CountingAllocator {
 public:
  void* allocate(size_t bytes) override {
    const size_t size = round_up(bytes, kAlignment);
    std::lock_guard<std::mutex> lock(mutex_);
    void* pointer = allowed(size) ? std::aligned_alloc(kAlignment, size) : nullptr;
    if (pointer == nullptr) fail(size);
    sizes_[pointer] = size;
    count_reserved(size);
    count_allocation(size);
    return pointer;
  }

  void free(void* pointer) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sizes_.find(pointer);
    count_free(found->second);
    count_returned(found->second);
    sizes_.erase(found);
    std::free(pointer);
  }

  std::pair<const void*, size_t> block_at(const void* pointer) const override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto block = sizes_.upper_bound(const_cast<void*>(pointer));
    if (block == sizes_.begin()) return {nullptr, 0};
    --block;
    const bool inside = pointer < static_cast<const char*>(block->first) + block->second;
    return {block->first, inside ? block->second : 0};
  }

  void release_cache() override {}

 private:
  std::map<void*, size_t> sizes_;
};

}  // namespace

void throw_out_of_memory(size_t bytes, const AllocatorStatistics& s) {
  const std::string limit =
      s.bytes_limit == SIZE_MAX ? "" : " of at most " + std::to_string(s.bytes_limit);
  throw_error("allocate: expected ", bytes, " bytes of free memory, got none; ", s.bytes_in_use,
              " bytes", limit, " are in use");
}

std::unique_ptr<Allocator> make_caching_allocator(std::unique_ptr<Arena> arena) {
  return std::make_unique<CachingAllocator>(std::move(arena));
}

std::unique_ptr<Allocator> make_plain_allocator() { return std::make_unique<PlainAllocator>(); }

}  // namespace menet
