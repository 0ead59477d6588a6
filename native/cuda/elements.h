// Runs of elements, 16 bytes at a time where their addresses allow it.
#pragma once

#include "cuda/async_copy.h"

namespace menet {

// 16, 8 or 4 bytes at a time, or an element where they are smaller than that.
template <int kBytes, typename S>
struct alignas(kBytes) Elements {
  static constexpr int kCount = kBytes / static_cast<int>(sizeof(S));
  S v[kCount];
};

template <typename S, typename Body>
__device__ void with_elements(int bytes, const Body& body) {
  if (bytes == 16) return body(Elements<16, S>{});
  if constexpr (sizeof(S) < 8) {
    if (bytes == 4 && sizeof(S) < 4) return body(Elements<4, S>{});
    if (bytes == 8) return body(Elements<8, S>{});
  }
  body(Elements<sizeof(S), S>{});
}

// Starts the copy of `count` elements, a multiple of what `bytes` hold, by four threads.
template <typename S>
__device__ void copy_run(S* to, const S* from, int count, int bytes) {
  const int part = static_cast<int>(threadIdx.x) % 4;
  with_elements<S>(bytes, [&](auto elements) {
    using E = decltype(elements);
    for (int i = part * E::kCount; i < count; i += 4 * E::kCount) {
      if constexpr (sizeof(E) >= 4) {
        start_copy<sizeof(E)>(to + i, from + i);
      } else {
        to[i] = from[i];
      }
    }
  });
}

}  // namespace menet
