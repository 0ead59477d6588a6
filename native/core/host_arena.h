// The host's arena: addresses reserved at once, pages backed as they are needed.
#pragma once

#include <memory>

#include "core/allocator.h"

namespace menet {

std::unique_ptr<Arena> make_host_arena();  // throws when no addresses are to be had

}  // namespace menet
