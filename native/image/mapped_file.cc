#include "image/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace menet {

namespace {

[[noreturn]] void throw_system_error(const std::string& path, const char* what) {
  throw_error(path, ": ", what, ": ", std::strerror(errno));
}

}  // namespace

MappedFile::MappedFile(int descriptor, std::string path) : path_(std::move(path)) {
  descriptor_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (descriptor_ < 0) throw_system_error(path_, "expected an open file");
  try {
    mapped_ = size_now();
    if (mapped_ == 0) throw_error(path_, ": expected a file with bytes in it, got none");
    memory_ = mmap(nullptr, mapped_, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (memory_ == MAP_FAILED) throw_system_error(path_, "cannot be mapped");
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

MappedFile::~MappedFile() {
  munmap(memory_, mapped_);
  close(descriptor_);
}

const uint8_t* MappedFile::range(uint64_t offset, uint64_t bytes) const {
  const uint64_t size = std::min(mapped_, size_now());
  if (offset > size || bytes > size - offset) {
    throw_error(path_, ": expected ", bytes, " bytes at ", offset, ", got a file of ", size);
  }
  return static_cast<const uint8_t*>(memory_) + offset;
}

uint64_t MappedFile::size_now() const {
  struct stat status;
  if (fstat(descriptor_, &status) != 0) throw_system_error(path_, "has no size");
  if (!S_ISREG(status.st_mode)) throw_error(path_, ": expected a file");
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace menet
