#include "core/buffers.h"

#include "core/error.h"

namespace menet {

Buffers::Handle Buffers::allocate(Device& device, size_t bytes) {
  void* pointer = device.allocator().allocate(bytes);
  std::shared_ptr<void> memory(pointer, [&device](void* p) { device.allocator().free(p); });
  buffers_[next_] = {std::move(memory), &device, 0, bytes};
  return next_++;
}

Buffers::Handle Buffers::view(Handle handle, size_t offset, size_t bytes) {
  Buffer buffer = get(handle);
  if (offset > buffer.bytes || bytes > buffer.bytes - offset) {
    throw_error("view: expected a range within ", buffer.bytes, " bytes, got ", bytes,
                " bytes from ", offset);
  }
  buffer.offset += offset;
  buffer.bytes = bytes;
  buffers_[next_] = std::move(buffer);
  return next_++;
}

void Buffers::free(Handle handle) {
  if (buffers_.erase(handle) == 0) {
    throw_error("free: expected a live buffer, got handle ", handle);
  }
}

const Buffer& Buffers::get(Handle handle) const {
  const auto found = buffers_.find(handle);
  if (found == buffers_.end()) {
    throw_error("expected a live buffer, got handle ", handle, ", which was freed or never made");
  }
  return found->second;
}

}  // namespace menet
