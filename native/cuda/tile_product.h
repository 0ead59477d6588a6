// Products of two tiles in shared memory. A warp makes 32 rows by 32 columns: with tensor cores
// where S has them, else with the same elements in the same lanes, each a chain of FMAs.
#pragma once

#include "cuda/mma.h"

namespace menet {

constexpr int kWarpSide = 32;

__host__ __device__ constexpr int round_up_to(int n, int multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Rows of a tile start 16 bytes beyond a multiple of 32, so that 8 rows' 16 bytes lie in
// different banks.
template <typename S>
__host__ __device__ constexpr int tile_stride(int columns) {
  return round_up_to(columns, 16) + 16 / static_cast<int>(sizeof(S));
}

// Element (row, column); rows in another order where there is a table of them. Padded with zeros
// to multiples of 16 columns, and rows where they are summed over.
template <typename S>
struct TileView {
  const S* data;
  int stride;
  const int16_t* rows;

  __device__ const S* at(int row, int column) const {
    return data + (rows == nullptr ? row : rows[row]) * stride + column;
  }
};

// A lane's part of 32x32 sums.
template <typename T>
struct WarpTile {
  T sums[2][4][4];  // [16 rows][8 columns][8 rows, next column]

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < 32; ++i) (&sums[0][0][0])[i] = 0;
  }
  __device__ static int row(int i, int part) {
    return 16 * i + part / 2 * 8 + static_cast<int>(threadIdx.x) % kWarp / 4;
  }
  __device__ static int column(int j, int part) {
    return 8 * j + part % 2 + static_cast<int>(threadIdx.x) % 4 * 2;
  }
};

// Which of its operands' dimensions lies along the rows in memory: a(row, k) and b(k, column)
// are a.at(row, k) and b.at(column, k) where the depth does, else a.at(k, row), b.at(k, column).
enum class Along { kDepth, kOther };

// Of a product: its depth, and its rows and columns from (row, column) on, of at most 32.
struct WarpPart {
  int row, column, rows, columns, depth;
};

template <Along along, typename S>
__device__ void load_left(unsigned (&a)[4], const TileView<S>& view, int row, int k) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if constexpr (along == Along::kDepth) {
    load_matrices(a, view.at(row + lane % 16, k + lane / 16 * 8));
  } else {
    load_matrices_transposed(a, view.at(k + lane % 8 + lane / 16 * 8, row + lane / 8 % 2 * 8));
  }
}

// Two fragments, of 16 columns.
template <Along along, typename S>
__device__ void load_right(unsigned (&b)[4], const TileView<S>& view, int column, int k) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if constexpr (along == Along::kDepth) {
    load_matrices(b, view.at(column + lane % 8 + lane / 16 * 8, k + lane / 8 % 2 * 8));
  } else {
    load_matrices_transposed(b, view.at(k + lane % 16, column + lane / 16 * 8));
  }
}

template <Along a_along, Along b_along, typename S>
__device__ void multiply_fragments_of(WarpTile<float>& to, const TileView<S>& a,
                                      const TileView<S>& b, const WarpPart& part) {
  for (int k = 0; k < part.depth; k += 16) {
    unsigned left[2][4] = {}, right[2][4] = {};
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      if (16 * i < part.rows) load_left<a_along>(left[i], a, part.row + 16 * i, k);
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      if (16 * j < part.columns) load_right<b_along>(right[j], b, part.column + 16 * j, k);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (8 * j >= part.columns) continue;
      const unsigned pair[2] = {right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]};
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if (16 * i < part.rows) multiply_fragments(to.sums[i][j], left[i], pair, S{});
      }
    }
  }
}

template <typename S>
struct alignas(2 * sizeof(S)) Pair {
  S first, second;
};

// v[k][n] = the elements (k, n) of two steps of the depth and two neighbours n.
template <Along along, typename S, typename T>
__device__ void load_square(T (&v)[2][2], const TileView<S>& view, int n0, int n1, int k) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if constexpr (along == Along::kDepth) {
      const auto pair = *reinterpret_cast<const Pair<S>*>(view.at(i == 0 ? n0 : n1, k));
      v[0][i] = static_cast<T>(pair.first);
      v[1][i] = static_cast<T>(pair.second);
    } else {
      v[i][0] = static_cast<T>(*view.at(k + i, n0));
      v[i][1] = static_cast<T>(*view.at(k + i, n1));
    }
  }
}

template <Along a_along, Along b_along, typename S, typename T>
__device__ void multiply_elements(WarpTile<T>& to, const TileView<S>& a, const TileView<S>& b,
                                  const WarpPart& part) {
  for (int k = 0; k < part.depth; k += 2) {
    T left[2][2][2] = {}, right[4][2][2] = {};
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = part.row + to.row(i, 0);
      if (16 * i < part.rows) load_square<a_along>(left[i], a, row, row + 8, k);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int column = part.column + to.column(j, 0);
      if (8 * j < part.columns) load_square<b_along>(right[j], b, column, column + 1, k);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (8 * j >= part.columns) continue;
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if (16 * i >= part.rows) continue;
#pragma unroll
        for (int e = 0; e < 8; ++e) {
          to.sums[i][j][e / 2] += left[i][e % 2][e / 4] * right[j][e % 2][e / 2 % 2];
        }
      }
    }
  }
}

// to += a b. All lanes of the warp.
template <Along a_along, Along b_along, typename S, typename T>
__device__ void multiply(WarpTile<T>& to, const TileView<S>& a, const TileView<S>& b,
                         const WarpPart& part) {
  if constexpr (TensorCores<S>::kThere) {
    multiply_fragments_of<a_along, b_along>(to, a, b, part);
  } else {
    multiply_elements<a_along, b_along>(to, a, b, part);
  }
}

}  // namespace menet
