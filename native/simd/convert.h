// Rows of 16-bit floats to float and back.
#pragma once

#include <cstdint>

#include "core/half.h"
#include "simd/dispatch.h"

namespace menet {

MENET_SIMD_DECLARE(
    // y[i] = x[i], either being float or a 16-bit type.
    template <typename X, typename Y> void convert_row(const X* x, Y* y, int64_t n);)

}  // namespace menet
