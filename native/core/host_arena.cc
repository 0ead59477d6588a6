#include "core/host_arena.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <fstream>

#include "core/error.h"

namespace menet {

namespace {

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

// Memory that the process may have: asked for more, the system would hand out addresses
// and end the process when it writes to them.
size_t available_memory() {
#if defined(_WIN32)
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  GlobalMemoryStatusEx(&status);
  return static_cast<size_t>(status.ullTotalPhys);
#else
  size_t bytes =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
  std::ifstream group("/sys/fs/cgroup/memory.max");  // "max" where there is no limit
  size_t limit = 0;
  if (group >> limit) bytes = std::min(bytes, limit);
  return bytes;
#endif
}

class HostArena : public Arena {
 public:
  HostArena() {
    for (capacity_ = std::max(available_memory(), kSmallest); capacity_ >= kSmallest;
         capacity_ /= 2) {
      base_ = static_cast<char*>(reserve(capacity_));
      if (base_ != nullptr) return;
    }
    throw_error("allocate: expected ", kSmallest, " bytes of addresses, got none");
  }

  char* base() const override { return base_; }
  size_t capacity() const override { return capacity_; }
  size_t unit() const override { return size_t{4} << 20; }
  bool commit(size_t offset, size_t bytes) override { return back(base_ + offset, bytes); }
  void decommit(size_t offset, size_t bytes) override { unback(base_ + offset, bytes); }

 private:
  char* base_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace

std::unique_ptr<Arena> make_host_arena() { return std::make_unique<HostArena>(); }

}  // namespace menet
