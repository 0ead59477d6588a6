// A warp's part of a matrix product whose operands lie in shared memory: 16 rows by up to three
// tiles of 16 columns. 16-bit operands go through tensor cores where there are some.
#pragma once

#include "cuda/tile_product.h"

namespace menet {

constexpr int kWarpTile = 16;   // rows, and columns of a tile
constexpr int kWarpTiles = 3;   // of a warp
constexpr int kWarpValues = 8;  // that a thread has of a tile

// Depths are padded to a multiple of this: the left operand with anything finite, the right one
// with zeros.
template <typename S>
constexpr int kDepthStep = sizeof(S) == 2 ? 16 : 4;

// Elements from row to row in shared memory, so that the same 16 bytes of 8 rows lie in different
// banks: an odd number of 16-byte units.
template <typename S>
__host__ __device__ constexpr int shared_pitch(int elements) {
  return (round_up_to(elements * static_cast<int>(sizeof(S)), 16) / 16 | 1) * 16 /
         static_cast<int>(sizeof(S));
}

template <typename T>
struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) FourOf {
  T v[4];
};
template <typename T>
struct alignas(2 * sizeof(T)) TwoOf {
  T v[2];
};

// Multiply-adds: lane l has rows l / 8 + 4i and two neighbouring columns from 2 (l % 8) on.
template <typename S, bool kTensorCores = TensorCores<S>::kThere>
struct WarpProduct {
  using T = Compute<S>;
  T sums[kWarpTiles][kWarpValues];

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % kWarp; }
  __device__ static int row(int e) { return lane() / 8 + e / 2 * 4; }
  __device__ static int column(int e) { return lane() % 8 * 2 + e % 2; }

  __device__ void clear() {
#pragma unroll
    for (int j = 0; j < kWarpTiles; ++j) {
#pragma unroll
      for (int e = 0; e < kWarpValues; ++e) sums[j][e] = 0;
    }
  }

  // left.row(r) + left.depth(k): where row r has elements k and following on chip. right: the
  // first tile's column 0, the others `step` further on each.
  template <typename Left>
  __device__ void multiply(const Left& left, int depth, const S* right, int pitch, int tiles,
                           int step) {
    const S* rows[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) rows[i] = left.row(row(2 * i));
    for (int k = 0; k < depth; k += 4) {
      const int offset = left.depth(k);
      FourOf<S> a[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        a[i] = *reinterpret_cast<const FourOf<S>*>(rows[i] + offset);
      }
#pragma unroll
      for (int j = 0; j < kWarpTiles; ++j) {
        if (j >= tiles) break;
#pragma unroll
        for (int d = 0; d < 4; ++d) {
          const auto b =
              *reinterpret_cast<const TwoOf<S>*>(right + (k + d) * pitch + j * step + column(0));
#pragma unroll
          for (int e = 0; e < kWarpValues; ++e) {
            sums[j][e] += static_cast<T>(a[e / 2].v[d]) * static_cast<T>(b.v[e % 2]);
          }
        }
      }
    }
  }
};

// mma.sync: lane l has rows l / 4 and l / 4 + 8, and columns 2 (l % 4) and the next of each eight.
template <typename S>
struct WarpProduct<S, true> {
  float sums[kWarpTiles][kWarpValues];

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % kWarp; }
  __device__ static int row(int e) { return lane() / 4 + e % 4 / 2 * 8; }
  __device__ static int column(int e) { return e / 4 * 8 + lane() % 4 * 2 + e % 2; }

  __device__ void clear() {
#pragma unroll
    for (int j = 0; j < kWarpTiles; ++j) {
#pragma unroll
      for (int e = 0; e < kWarpValues; ++e) sums[j][e] = 0;
    }
  }

  template <typename Left>
  __device__ void multiply(const Left& left, int depth, const S* right, int pitch, int tiles,
                           int step) {
    const S* mine = left.row(lane() % 16) + lane() / 16 * 8;
    const S* from = right + lane() % 16 * pitch + lane() / 16 * 8;
    for (int k = 0; k < depth; k += 16) {
      unsigned a[4];
      load_matrices(a, mine + left.depth(k));
#pragma unroll
      for (int j = 0; j < kWarpTiles; ++j) {
        if (j >= tiles) break;
        unsigned b[4];
        load_matrices_transposed(b, from + k * pitch + j * step);
        add(sums[j], 0, a, b);
        add(sums[j], 1, a, b);
      }
    }
  }

 private:
  __device__ static void add(float (&sums)[kWarpValues], int eight, const unsigned (&a)[4],
                             const unsigned (&b)[4]) {
    float c[4];
    const unsigned pair[2] = {b[2 * eight], b[2 * eight + 1]};
#pragma unroll
    for (int i = 0; i < 4; ++i) c[i] = sums[4 * eight + i];
    multiply_fragments(c, a, pair, S{});
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[4 * eight + i] = c[i];
  }
};

}  // namespace menet
