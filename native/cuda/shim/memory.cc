// The shim's device memory: the host's, full of NaN whenever it is handed out, so that an
// element that a kernel forgets is seen.
#include <cstring>

#include "core/host_arena.h"
#include "cuda/check.h"
#include "cuda/device_memory.h"
#include "cuda/shim/faults.h"

namespace menet {

namespace {

class PoisoningAllocator : public Allocator {
 public:
  void* allocate(size_t bytes) override {
    const cudaError_t status = shim::reach(shim::Site::kAllocation);
    if (status == cudaErrorMemoryAllocation) throw_out_of_memory(bytes, statistics());
    check(status, "allocate");
    void* pointer = memory_->allocate(bytes);
    if (bytes > 0) std::memset(pointer, 0xff, bytes);
    return pointer;
  }
  void free(void* pointer) override { memory_->free(pointer); }
  void release_cache() override { memory_->release_cache(); }
  AllocatorStatistics statistics() const override { return memory_->statistics(); }
  std::pair<const void*, size_t> block_at(const void* pointer) const override {
    return memory_->block_at(pointer);
  }
  void reset_peak() override { memory_->reset_peak(); }
  void limit(size_t bytes) override { memory_->limit(bytes); }

 private:
#ifdef MENET_SANITIZE
  std::unique_ptr<Allocator> memory_ = make_plain_allocator();
#else
  std::unique_ptr<Allocator> memory_ = make_caching_allocator(make_host_arena());
#endif
};

}  // namespace

std::unique_ptr<Allocator> make_device_allocator(int, size_t) {
  return std::make_unique<PoisoningAllocator>();
}

}  // namespace menet
