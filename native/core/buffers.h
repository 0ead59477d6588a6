// Device memory under numeric handles: what JavaScript holds. A buffer may be a view
// of another; the memory goes when its last buffer does.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/device.h"

namespace menet {

struct Buffer {
  std::shared_ptr<void> memory;
  Device* device = nullptr;
  size_t offset = 0;
  size_t bytes = 0;

  void* data() const { return static_cast<char*>(memory.get()) + offset; }
};

// Not thread-safe: each JavaScript environment has one of its own.
class Buffers {
 public:
  using Handle = int64_t;

  Handle allocate(Device& device, size_t bytes);
  Handle view(Handle handle, size_t offset, size_t bytes);  // throws outside the buffer
  void free(Handle handle);                                 // throws on an unknown handle
  const Buffer& get(Handle handle) const;                   // throws on an unknown handle
  size_t size() const { return buffers_.size(); }

 private:
  Handle next_ = 1;  // handles are never used again
  std::unordered_map<Handle, Buffer> buffers_;
};

}  // namespace menet
