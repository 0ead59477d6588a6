#include "core/scratch.h"

#include <algorithm>

namespace menet {

namespace {

constexpr size_t kAlignment = 64;

thread_local ScratchSpace* current = nullptr;

}  // namespace

void* allocate_scratch(Device& device, size_t bytes) {
  return current == nullptr ? device.allocator().allocate(bytes) : current->allocate(device, bytes);
}

void free_scratch(Device& device, void* pointer) {
  if (current == nullptr || !current->free(device, pointer)) device.allocator().free(pointer);
}

ScratchSpace::ScratchSpace() : ScratchSpace(nullptr, SIZE_MAX) {}

ScratchSpace::ScratchSpace(char* base, size_t bytes) : base_(base), bytes_(bytes) {
  current = this;
}

ScratchSpace::~ScratchSpace() { current = nullptr; }

void* ScratchSpace::allocate(Device& device, size_t bytes) {
  const size_t size = std::max((bytes + kAlignment - 1) / kAlignment * kAlignment, kAlignment);
  size_t offset = 0;
  auto next = blocks_.begin();
  while (next != blocks_.end() && next->offset - offset < size) {
    offset = next->offset + next->bytes;
    ++next;
  }
  if (base_ == nullptr) {
    peak_ = std::max(peak_, offset + size);
    void* pointer = device.allocator().allocate(bytes);
    blocks_.insert(next, {offset, size, pointer});
    return pointer;
  }
  if (offset > bytes_ || size > bytes_ - offset) return device.allocator().allocate(bytes);
  peak_ = std::max(peak_, offset + size);
  return blocks_.insert(next, {offset, size, base_ + offset})->pointer;
}

bool ScratchSpace::free(Device& device, void* pointer) {
  const auto block = std::find_if(blocks_.begin(), blocks_.end(),
                                  [&](const Block& b) { return b.pointer == pointer; });
  if (block == blocks_.end()) return false;
  if (base_ == nullptr) device.allocator().free(pointer);
  blocks_.erase(block);
  return true;
}

}  // namespace menet
