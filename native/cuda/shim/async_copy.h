// cp.async: nothing arrives before the thread that started it has waited, so that a kernel that
// does not wait reads NaN.
#pragma once

#include "cuda/shim/grid.h"

namespace menet::shim {

template <int kBytes>
void start_copy(void* shared, const void* global) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  copy_later(shared, global, kBytes);
}

inline void wait_for_copies() { finish_copies(); }

}  // namespace menet::shim
