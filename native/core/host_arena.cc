#include "core/host_arena.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#endif

#include "core/error.h"

namespace menet {

namespace {

constexpr size_t kLargest = size_t{1} << 40;
constexpr size_t kSmallest = size_t{1} << 28;

#if defined(_WIN32)
void* reserve(size_t bytes) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE, PAGE_NOACCESS); }
bool back(void* address, size_t bytes) {
  return VirtualAlloc(address, bytes, MEM_COMMIT, PAGE_READWRITE) != nullptr;
}
void unback(void* address, size_t bytes) { VirtualFree(address, bytes, MEM_DECOMMIT); }
#else
void* reserve(size_t bytes) {
  void* address =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address == MAP_FAILED ? nullptr : address;
}
bool back(void* address, size_t bytes) {
  if (mprotect(address, bytes, PROT_READ | PROT_WRITE) != 0) return false;
#if defined(__linux__)
  madvise(address, bytes, MADV_HUGEPAGE);  // fewer page faults and TLB misses, where it helps
#endif
  return true;
}
void unback(void* address, size_t bytes) {
  // A fresh mapping drops the pages whatever the system's madvise does.
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  static_cast<void>(mmap(address, bytes, PROT_NONE, kFlags, -1, 0));
}
#endif

class HostArena : public Arena {
 public:
  HostArena() {
    for (capacity_ = kLargest; capacity_ >= kSmallest; capacity_ /= 2) {
      base_ = static_cast<char*>(reserve(capacity_));
      if (base_ != nullptr) return;
    }
    throw_error("allocate: expected ", kSmallest, " bytes of addresses, got none");
  }

  char* base() const override { return base_; }
  size_t capacity() const override { return capacity_; }
  bool commit(size_t offset, size_t bytes) override { return back(base_ + offset, bytes); }
  void decommit(size_t offset, size_t bytes) override { unback(base_ + offset, bytes); }

 private:
  char* base_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace

std::unique_ptr<Arena> make_host_arena() { return std::make_unique<HostArena>(); }

}  // namespace menet
