// Reductions of x [count, inner] over count, and of rows.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

enum class Reduction { kSum, kMax, kMin, kProd };

MENET_SIMD_DECLARE(
    // y[inner] = reduction over the rows of x [count, inner].
    template <typename T>
    void reduce_columns(Reduction reduction, const T* x, int64_t count, int64_t inner, T* y);
    // Reduction of n elements.
    template <typename T> T reduce_row(Reduction reduction, const T* x, int64_t n);
    // Softmax of one row.
    template <typename T> void softmax_row(const T* x, T* y, int64_t n);)

}  // namespace menet
