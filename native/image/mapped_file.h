// A file in memory, read-only; its pages are shared by all processes that map it.
#pragma once

#include <cstdint>
#include <string>

namespace menet {

class MappedFile {
 public:
  // Of an open file, whose descriptor may be closed then; throws where it cannot be mapped.
  MappedFile(int descriptor, std::string path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // The bytes of a range; throws where the file does not have them. It is looked at each time,
  // since touching what somebody cut off meanwhile would end the process.
  const uint8_t* range(uint64_t offset, uint64_t bytes) const;

 private:
  uint64_t size_now() const;

  std::string path_;
  int descriptor_ = -1;
  uint64_t mapped_ = 0;
  void* memory_ = nullptr;
};

}  // namespace menet
