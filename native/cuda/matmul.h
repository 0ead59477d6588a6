// Matrix products whose operands are made as they are read: y = A B with functors
//
//   struct A {
//     static constexpr bool kAlongDepth;              // whether a(row, k + 1) lies beside a(row,
//     k) void select(int64_t batch);                     // once, before anything else T
//     operator()(int64_t row, int64_t k) const;     // b: (k, column), kAlongDepth alike
//   };
//   struct C { void select(int64_t batch, int64_t split); void operator()(row, column, T) const; };
//
// A block of 256 threads makes a tile of 64 rows and 16, 32 or 64 columns, whichever is enough,
// through shared memory, each thread 4 rows by 1, 2 or 4 columns of it.
#pragma once

#include <algorithm>
#include <type_traits>

#include "cuda/partial_sums.h"

namespace menet {

constexpr int kTileHeight = 64;
constexpr int kTileDepth = 16;
constexpr int kTileThreads = 256;
constexpr int kEachRows = 4;  // of a thread

struct MatmulShape {
  int64_t rows, columns, depth;
  int64_t batches = 1;
  int64_t splits = 1;  // of the depth, each with sums of its own
};

// Row and column, within the tile, of a thread's element (i, j): neighbours in a warp have
// neighbouring columns.
__device__ inline int tile_row(int i) { return static_cast<int>(threadIdx.x) / 16 * kEachRows + i; }
__device__ inline int tile_column(int j) { return static_cast<int>(threadIdx.x) % 16 + 16 * j; }

// Loads kTileDepth lines of kSide elements, padded against bank conflicts.
template <int kSide, typename T, bool along_depth, typename Load>
__device__ void load_tile(T* tile, int64_t first, int64_t count, int64_t k0, int64_t k1,
                          const Load& load) {
  for (int e = static_cast<int>(threadIdx.x); e < kSide * kTileDepth; e += kTileThreads) {
    const int k = along_depth ? e % kTileDepth : e / kSide;
    const int i = along_depth ? e / kTileDepth : e % kSide;
    const bool inside = first + i < count && k0 + k < k1;
    tile[k * (kSide + 1) + i] = inside ? load(first + i, k0 + k) : T(0);
  }
}

// sums = the thread's part of the tile at (row0, column0), over k in [k0, k1).
template <typename T, int kEachColumns, typename A, typename B>
__device__ void multiply_tile(const MatmulShape& shape, const A& a, const B& b, int64_t row0,
                              int64_t column0, int64_t k0, int64_t k1,
                              T (&sums)[kEachRows][kEachColumns]) {
  constexpr int kWide = 16 * kEachColumns;
  MENET_SHARED(T, left, kTileDepth * (kTileHeight + 1));
  MENET_SHARED(T, right, kTileDepth * (kWide + 1));
#pragma unroll
  for (int i = 0; i < kEachRows; ++i) {
#pragma unroll
    for (int j = 0; j < kEachColumns; ++j) sums[i][j] = 0;
  }
  for (int64_t k = k0; k < k1; k += kTileDepth) {
    load_tile<kTileHeight, T, A::kAlongDepth>(left, row0, shape.rows, k, k1,
                                              [&](int64_t row, int64_t at) { return a(row, at); });
    load_tile<kWide, T, B::kAlongDepth>(right, column0, shape.columns, k, k1,
                                        [&](int64_t column, int64_t at) { return b(at, column); });
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kTileDepth; ++d) {
      T x[kEachRows], w[kEachColumns];
#pragma unroll
      for (int i = 0; i < kEachRows; ++i) x[i] = left[d * (kTileHeight + 1) + tile_row(i)];
#pragma unroll
      for (int j = 0; j < kEachColumns; ++j) w[j] = right[d * (kWide + 1) + tile_column(j)];
#pragma unroll
      for (int i = 0; i < kEachRows; ++i) {
#pragma unroll
        for (int j = 0; j < kEachColumns; ++j) sums[i][j] += x[i] * w[j];
      }
    }
    __syncthreads();
  }
}

// Blocks are tiles: x along the rows, y along the columns, z batches and splits.
template <typename T, int kEachColumns, typename A, typename B, typename C>
__global__ void __launch_bounds__(kTileThreads) matmul(A a, B b, C c, MatmulShape shape) {
  const int64_t batch = blockIdx.z / shape.splits, split = blockIdx.z % shape.splits;
  a.select(batch);
  b.select(batch);
  c.select(batch, split);
  const int64_t row0 = static_cast<int64_t>(blockIdx.x) * kTileHeight;
  const int64_t column0 = static_cast<int64_t>(blockIdx.y) * 16 * kEachColumns;
  const int64_t each = ceil_div(ceil_div(shape.depth, shape.splits), kTileDepth) * kTileDepth;
  const int64_t k0 = split * each;
  const int64_t k1 = k0 + each < shape.depth ? k0 + each : shape.depth;
  T sums[kEachRows][kEachColumns];
  multiply_tile<T, kEachColumns>(shape, a, b, row0, column0, k0, k1, sums);
  for (int i = 0; i < kEachRows; ++i) {
    for (int j = 0; j < kEachColumns; ++j) {
      const int64_t row = row0 + tile_row(i), column = column0 + tile_column(j);
      if (row < shape.rows && column < shape.columns) c(row, column, sums[i][j]);
    }
  }
}

inline int tile_columns(const MatmulShape& shape) {
  return shape.columns <= 16 ? 16 : shape.columns <= 32 ? 32 : 64;
}

inline int64_t matmul_tiles(const MatmulShape& shape) {
  return ceil_div(shape.rows, kTileHeight) * ceil_div(shape.columns, tile_columns(shape)) *
         shape.batches;
}

inline Grid matmul_grid(const MatmulShape& shape) {
  return {dim3(static_cast<unsigned>(ceil_div(shape.rows, kTileHeight)),
               static_cast<unsigned>(ceil_div(shape.columns, tile_columns(shape))),
               static_cast<unsigned>(shape.batches * shape.splits)),
          dim3(kTileThreads)};
}

// Columns of a thread as a template argument: body(std::integral_constant<int, 1, 2 or 4>{}).
template <typename Body>
void with_tile_columns(const MatmulShape& shape, const Body& body) {
  switch (tile_columns(shape)) {
    case 16:
      return body(std::integral_constant<int, 1>{});
    case 32:
      return body(std::integral_constant<int, 2>{});
    default:
      return body(std::integral_constant<int, 4>{});
  }
}

template <typename T, typename A, typename B, typename C>
void launch_matmul_to(const Call& call, const A& a, const B& b, const C& c,
                      const MatmulShape& shape) {
  with_tile_columns(shape, [&](auto columns) {
    launch(call, matmul<T, decltype(columns)::value, A, B, C>, matmul_grid(shape), a, b, c, shape);
  });
}

// Into how many parts to split the depth where there are few tiles, so that they fill a GPU.
inline int64_t depth_splits(const MatmulShape& shape) {
  constexpr int64_t kShortest = 16 * kTileDepth;
  const int64_t wanted =
      std::max<int64_t>(1, kMostBlocks / 4 / std::max<int64_t>(matmul_tiles(shape), 1));
  return std::clamp<int64_t>(shape.depth / kShortest, 1, wanted);
}

// Dense results [batch][rows][columns], or partial ones [split][batch][rows][columns].
template <typename T>
struct DenseResult {
  T* y;
  int64_t rows, columns, batches;

  __device__ void select(int64_t batch, int64_t split) {
    y += (split * batches + batch) * rows * columns;
  }
  __device__ void operator()(int64_t row, int64_t column, T value) const {
    y[row * columns + column] = value;
  }
};

template <typename T, typename A, typename B>
void launch_matmul(const Call& call, const A& a, const B& b, T* y, const MatmulShape& shape) {
  const DenseResult<T> c{y, shape.rows, shape.columns, shape.batches};
  launch_matmul_to<T>(call, a, b, c, shape);
}

// The same for a large depth and few tiles, such as gradients of weights: the depth is split
// into as many parts as fill a GPU, whose results are added in order.
template <typename T, typename A, typename B>
void launch_deep_matmul(Call& call, const A& a, const B& b, T* y, MatmulShape shape) {
  shape.splits = depth_splits(shape);
  if (shape.splits == 1) return launch_matmul(call, a, b, y, shape);
  const int64_t size = shape.batches * shape.rows * shape.columns;
  T* partials = call.scratch<T>(shape.splits * size);
  launch_matmul(call, a, b, partials, shape);
  sum_partials(call, static_cast<const T*>(partials), shape.splits, size, y);
}

}  // namespace menet
