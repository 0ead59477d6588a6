// How much work a thread must get before another is worth waking.
#pragma once

#include <algorithm>
#include <cstdint>

namespace menet {

// Elements of a pass that is bound by memory.
constexpr int64_t kElementGrain = 1 << 14;

// Items per thread when each of them costs about as much as `cost` elements.
inline int64_t grain_of(int64_t cost) {
  return std::max<int64_t>(1, kElementGrain / std::max<int64_t>(cost, 1));
}

}  // namespace menet
