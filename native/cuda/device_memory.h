// A GPU's memory behind the interface of the host's.
#pragma once

#include <memory>

#include "core/allocator.h"

namespace menet {

// Of the current device, `ordinal`, which has `capacity` bytes.
std::unique_ptr<Allocator> make_device_allocator(int ordinal, size_t capacity);

}  // namespace menet
