// Batch normalisation of rows of channels with given statistics.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

// y = (x - mean) * factor + offset for rows [rows, channels].
MENET_SIMD_DECLARE(template <typename T>
                   void normalize_rows(const T* x, int64_t rows, int64_t channels, const T* mean,
                                       const T* factor, const T* offset, T* y);)

}  // namespace menet
