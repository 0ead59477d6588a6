// Device memory, cached: freed blocks are kept, merged with their neighbours and
// handed out again, so that a training loop asks the system for nothing after its
// first step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace menet {

// One range of addresses, of which a growing part from its beginning is backed by
// memory: so freed neighbours always merge, whatever their sizes were.
class Arena {
 public:
  virtual ~Arena() = default;
  virtual char* base() const = 0;                        // aligned to 64 bytes
  virtual size_t capacity() const = 0;                   // addresses
  virtual size_t unit() const = 0;                       // commits and decommits are multiples
  virtual bool commit(size_t offset, size_t bytes) = 0;  // false when there is no more memory
  virtual void decommit(size_t offset, size_t bytes) = 0;
};

struct AllocatorStatistics {
  size_t bytes_in_use = 0;       // rounded up to whole blocks
  size_t peak_bytes_in_use = 0;  // since the start or reset_peak()
  size_t bytes_reserved = 0;     // held from the system, in use or cached
  size_t peak_bytes_reserved = 0;
  size_t bytes_limit = SIZE_MAX;    // the most that may be reserved
  uint64_t allocations = 0;         // ever
  uint64_t system_allocations = 0;  // ever
};

// "allocate: expected 64 bytes of free memory, got none; ...".
[[noreturn]] void throw_out_of_memory(size_t bytes, const AllocatorStatistics& statistics);

// Thread-safe. Never follows a pointer that it manages.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual void* allocate(size_t bytes) = 0;  // 64-byte aligned; throws when out of memory
  virtual void free(void* pointer) = 0;
  virtual void release_cache() = 0;  // gives cached memory back to the system
  virtual AllocatorStatistics statistics() const = 0;
  // The block in use that the pointer is into, and its size; of no size where there is none.
  virtual std::pair<const void*, size_t> block_at(const void* pointer) const = 0;
  virtual void reset_peak() = 0;
  virtual void limit(size_t bytes) = 0;  // of bytes_reserved, from now on
};

std::unique_ptr<Allocator> make_caching_allocator(std::unique_ptr<Arena> arena);

// One system allocation per block, for sanitizers: pooling would hide what they look for.
std::unique_ptr<Allocator> make_plain_allocator();

}  // namespace menet
