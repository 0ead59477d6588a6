// Device memory that an op needs while it runs. Within a plan it is a part of the plan's
// arena, the same part in every replay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/device.h"

namespace menet {

// 64-byte aligned; from the calling thread's ScratchSpace if it has one, else the device's own.
void* allocate_scratch(Device& device, size_t bytes);
void free_scratch(Device& device, void* pointer);  // on the thread that allocated it

// While it lives, the calling thread's scratch lies in it: always in the lowest gap that is wide
// enough, so that the same requests get the same places.
class ScratchSpace {
 public:
  ScratchSpace();                          // only measures: memory stays the device's
  ScratchSpace(char* base, size_t bytes);  // requests that it cannot hold go to the device
  ~ScratchSpace();
  ScratchSpace(const ScratchSpace&) = delete;
  ScratchSpace& operator=(const ScratchSpace&) = delete;

  size_t peak() const { return peak_; }  // bytes up to the highest place that was ever used

 private:
  friend void* allocate_scratch(Device& device, size_t bytes);
  friend void free_scratch(Device& device, void* pointer);

  struct Block {
    size_t offset, bytes;
    void* pointer;
  };

  void* allocate(Device& device, size_t bytes);
  bool free(Device& device, void* pointer);  // false where it is none of this space

  char* const base_;
  const size_t bytes_;
  size_t peak_ = 0;
  std::vector<Block> blocks_;  // by offset
};

}  // namespace menet
