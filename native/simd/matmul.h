// The plain matrix product for stock ops: dense operands of any stride, one thread.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

// A[m, k] = a[m * row + k * column]
template <typename T>
struct MatrixView {
  const T* data;
  int64_t row;
  int64_t column;
};

// Lanes of the widest vector: scratch rows are padded to a multiple of it.
constexpr int64_t kMaxLanes = 16;

// Scratch elements that matmul needs for a product of this depth.
inline int64_t matmul_scratch(int64_t depth) {
  return (depth + kMaxLanes) * 4 * kMaxLanes + 256 * 4 * kMaxLanes;
}

// C[m, n] = sum over k of A[m, k] B[k, n], C being row-major with rows of ldc elements.
// Adds to C where `accumulate`. Computes rows x columns; scratch is the caller's.
MENET_SIMD_DECLARE(template <typename T> void matmul(int64_t rows, int64_t columns, int64_t depth,
                                                     MatrixView<T> a, MatrixView<T> b, T* c,
                                                     int64_t ldc, bool accumulate, T* scratch);)

}  // namespace menet
