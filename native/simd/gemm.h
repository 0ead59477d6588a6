// The matrix product under every convolution, for *.simd.cc files alone: a register-
// blocked kernel over padded tiles that stay in cache. Callers tile; nothing is packed here.
#pragma once

#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

// A[i, k] = a[i * row + k * column]: both orders, so that the gradient of the weights
// (a transposed operand) needs no copy.
template <typename T>
struct Strided {
  const T* data;
  int64_t row;
  int64_t column;
};

// C[m, n] (+)= sum over k of A[m, k] B[k, n] for R rows and V vectors of columns.
template <typename T, int R, int V, bool accumulate>
inline void gemm_block(int64_t depth, Strided<T> a, const T* b, int64_t ldb, T* c, int64_t ldc) {
  constexpr int L = kLanes<T>;
  Vector<T> sums[R][V];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      sums[r][v] = accumulate ? load(c + r * ldc + v * L) : Vector<T>{};
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector<T> columns[V];
    for (int v = 0; v < V; ++v) columns[v] = load(b + k * ldb + v * L);
    for (int r = 0; r < R; ++r) {
      const T x = a.data[r * a.row + k * a.column];
      for (int v = 0; v < V; ++v) sums[r][v] += columns[v] * x;
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) store(c + r * ldc + v * L, sums[r][v]);
  }
}

template <typename T, int R, int V, bool accumulate>
inline int64_t gemm_rows(int64_t m, int64_t rows, int64_t depth, Strided<T> a, const T* b,
                         int64_t ldb, T* c, int64_t ldc) {
  for (; m + R <= rows; m += R) {
    gemm_block<T, R, V, accumulate>(depth, {a.data + m * a.row, a.row, a.column}, b, ldb,
                                    c + m * ldc, ldc);
  }
  return m;
}

// As many rows at a time as the registers hold: R accumulators of V vectors, V
// columns and one broadcast in 32 (AVX-512) or 16 registers.
template <typename T, int V, bool accumulate>
inline void gemm_columns(int64_t rows, int64_t depth, Strided<T> a, const T* b, int64_t ldb, T* c,
                         int64_t ldc) {
  constexpr int kRegisters = MENET_VECTOR_BYTES == 64 ? 32 : 16;
  constexpr int R = (kRegisters - V - 2) / V > 12 ? 12 : (kRegisters - V - 2) / V;
  int64_t m = gemm_rows<T, R, V, accumulate>(0, rows, depth, a, b, ldb, c, ldc);
  if constexpr (R > 4) m = gemm_rows<T, 4, V, accumulate>(m, rows, depth, a, b, ldb, c, ldc);
  if constexpr (R > 2) m = gemm_rows<T, 2, V, accumulate>(m, rows, depth, a, b, ldb, c, ldc);
  gemm_rows<T, 1, V, accumulate>(m, rows, depth, a, b, ldb, c, ldc);
}

// C (+)= A B. Columns are a multiple of the vector's lanes, and so are the rows of b
// and c long enough; padding in b is zero or its results are not looked at.
template <typename T, bool accumulate>
inline void gemm(int64_t rows, int64_t columns, int64_t depth, Strided<T> a, const T* b,
                 int64_t ldb, T* c, int64_t ldc) {
  constexpr int L = kLanes<T>;
  int64_t vectors = columns / L;
  while (vectors > 0) {
    // 4 = 2 + 2, not 3 + 1: balanced blocks keep more rows in registers.
    const int64_t width = vectors > 4 ? 3 : vectors == 4 ? 2 : vectors;
    if (width == 3) {
      gemm_columns<T, 3, accumulate>(rows, depth, a, b, ldb, c, ldc);
    } else if (width == 2) {
      gemm_columns<T, 2, accumulate>(rows, depth, a, b, ldb, c, ldc);
    } else {
      gemm_columns<T, 1, accumulate>(rows, depth, a, b, ldb, c, ldc);
    }
    vectors -= width;
    b += width * L;
    c += width * L;
  }
}

}  // namespace MENET_ISA
}  // namespace menet
