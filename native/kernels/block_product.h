// A block's matrix products of a fused unit: rows are pixels, groups and chunks of the depth follow
// each other, and weights come through shared memory, those of the next chunk while this one is
// multiplied. A tile is 64 rows by at most 96 columns of one group; a warp has 16 rows of every
// second 16 columns.
#pragma once

#include "cuda/async_copy.h"
#include "cuda/math.h"
#include "cuda/warp_product.h"
#include "kernels/unit.h"

namespace menet {

constexpr int kBlockThreads = 256;
constexpr int kBlockRows = 64;
constexpr int kBlockColumns = 2 * kWarpTiles * kWarpTile;
constexpr int kRightPieces = 12;  // of 16 x 16 weights, of each of which a thread loads one
constexpr int kLeftBytes = 160;   // of a row of a chunk that comes from global memory

template <typename S>
constexpr int kLeftPitch = shared_pitch<S>(kLeftBytes / static_cast<int>(sizeof(S)));
template <typename S>
constexpr int kRightSize = kRightPieces * 16 * shared_pitch<S>(16);

// (z - mean) * scale + offset for the columns of a tile.
template <typename T>
struct TileCoefficients {
  T mean[kBlockColumns], scale[kBlockColumns], offset[kBlockColumns];
};

// Two of each: one in use, one being filled.
template <typename S>
struct ProductSpace {
  S* left;   // [2][kBlockRows][kLeftPitch]
  S* right;  // [2][kRightSize]
  TileCoefficients<Compute<S>>* coefficients;
};

template <typename T>
__device__ T inference_scale(const BatchNorm<T>& bn, int c) {
  return bn.scale[c] / root(bn.variance[c] + static_cast<T>(kBatchNormEpsilon));
}

// One chunk of one tile.
struct ProductStep {
  int row0, group, column0, columns, k0, depth;
  bool first, last;  // chunk of the tile
  int channel;       // of the convolution's output, that column 0 of the tile is
};

// All of them, in order. The depth is `taps` stretches, each padded to a multiple of kDepthStep.
struct ProductSteps {
  int rows, groups, columns, stretch, padded, depth;
  int tile_columns, column_tiles, chunk, chunks, count;

  __device__ ProductSteps(const WeightLayout& w, int rows, int taps, int depth_step,
                          int longest_chunk)
      : rows(rows), groups(static_cast<int>(w.groups)), columns(static_cast<int>(w.channels)) {
    stretch = static_cast<int>(w.depth) / taps;
    padded = round_up_to(stretch, depth_step);
    depth = taps * padded;
    column_tiles = (columns + kBlockColumns - 1) / kBlockColumns;
    tile_columns = round_up_to((columns + column_tiles - 1) / column_tiles, 16);
    const int most = kRightPieces / (tile_columns / 16) * 16;
    chunk = most < longest_chunk ? most : longest_chunk;
    chunks = (depth + chunk - 1) / chunk;
    count = (rows + kBlockRows - 1) / kBlockRows * groups * column_tiles * chunks;
  }

  __device__ ProductStep at(int s) const {
    const int tile = s / chunks, k0 = s % chunks * chunk;
    const int column0 = tile % column_tiles * tile_columns, rest = tile / column_tiles;
    const int left = columns - column0;
    return {rest / groups * kBlockRows,
            rest % groups,
            column0,
            left < tile_columns ? left : tile_columns,
            k0,
            depth - k0 < chunk ? depth - k0 : chunk,
            k0 == 0,
            k0 + chunk >= depth,
            rest % groups * columns + column0};
  }
};

// A thread's share of a chunk's weights and coefficients, on its way to shared memory.
template <typename T>
struct WeightsInFlight {
  T weights[kRightPieces];
  T mean = 0, scale = 0, offset = 0;

  // body(piece, k within the chunk, column within the tile)
  template <typename Body>
  __device__ static void for_each(const ProductSteps& steps, const ProductStep& step,
                                  const Body& body) {
    const int line = static_cast<int>(threadIdx.x) / 16;
    int k = line, c = static_cast<int>(threadIdx.x) % 16;
#pragma unroll
    for (int i = 0; i < kRightPieces; ++i) {
      if (c < round_up_to(step.columns, 16)) body(i, k, c);
      k += 16;
      if (k - line >= steps.chunk) {
        k = line;
        c += 16;
      }
    }
  }

  __device__ void fetch(const ProductSteps& steps, const ProductStep& step,
                        const typename Unit<T>::Convolution& w) {
    for_each(steps, step, [&](int i, int k, int c) {
      const int at = step.k0 + k;
      const int tap = steps.depth == steps.padded ? 0 : at / steps.padded;
      const int in = at - tap * steps.padded;
      const bool inside = k < step.depth && in < steps.stretch && c < step.columns;
      const int row = tap * steps.stretch + in;
      weights[i] =
          inside ? w.weights[(row * steps.groups + step.group) * steps.columns + step.column0 + c]
                 : T(0);
    });
    const int column = static_cast<int>(threadIdx.x);
    if (!step.last || column >= step.columns) return;
    const int c = step.channel + column;
    mean = w.bn.mean[c];
    scale = inference_scale(w.bn, c);
    offset = w.bn.offset[c];
  }

  template <typename S>
  __device__ void store(const ProductSteps& steps, const ProductStep& step, S* right,
                        TileCoefficients<T>& coefficients) const {
    const int pitch = shared_pitch<S>(steps.tile_columns);
    for_each(steps, step, [&](int i, int k, int c) {
      if (k < round_up_to(step.depth, 16)) right[k * pitch + c] = static_cast<S>(weights[i]);
    });
    const int column = static_cast<int>(threadIdx.x);
    if (!step.last || column >= step.columns) return;
    coefficients.mean[column] = mean;
    coefficients.scale[column] = scale;
    coefficients.offset[column] = offset;
  }
};

// end(step, row, column of the tile, normalised value) for every element, then finish(step) by
// all threads of the block, at every tile. Left: taps, longest_chunk(), start(step, to),
// at(step, warp's first row, left) -> what WarpProduct takes.
template <typename S, typename Left, typename End, typename Finish>
__device__ void multiply_block(const ProductSpace<S>& space,
                               const typename Unit<Compute<S>>::Convolution& w, int rows,
                               const Left& left, const End& end, const Finish& finish) {
  using T = Compute<S>;
  const ProductSteps steps(w.layout, rows, left.taps, kDepthStep<S>, left.longest_chunk());
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warp_row = warp % 4 * kWarpTile, warp_column = warp / 4 * kWarpTile;
  const int pitch = shared_pitch<S>(steps.tile_columns);
  constexpr int kLeftSize = kBlockRows * kLeftPitch<S>;
  WarpProduct<S> product;
  WeightsInFlight<T> flying;
  ProductStep next = steps.at(0);
  left.start(next, space.left);
  flying.fetch(steps, next, w);
  flying.store(steps, next, space.right, space.coefficients[0]);
  for (int s = 0; s < steps.count; ++s) {
    const ProductStep step = next;
    const int used = s % 2, filled = 1 - used;
    const bool more = s + 1 < steps.count;
    wait_for_copies();
    __syncthreads();
    if (more) {
      next = steps.at(s + 1);
      left.start(next, space.left + filled * kLeftSize);
      flying.fetch(steps, next, w);
    }
    if (step.first) product.clear();
    const int tiles = (step.columns - warp_column + 31) / 32;
    product.multiply(left.at(step, warp_row, space.left + used * kLeftSize), step.depth,
                     space.right + used * kRightSize<S> + warp_column, pitch, tiles, 32);
    if (step.last) {
      const TileCoefficients<T>& n = space.coefficients[used];
#pragma unroll
      for (int j = 0; j < kWarpTiles; ++j) {
#pragma unroll
        for (int e = 0; e < kWarpValues; ++e) {
          const int row = warp_row + product.row(e);
          const int c = warp_column + 32 * j + product.column(e);
          if (step.row0 + row >= rows || c >= step.columns) continue;
          end(step, row, c, (product.sums[j][e] - n.mean[c]) * n.scale[c] + n.offset[c]);
        }
      }
      finish(step);
    }
    if (more)
      flying.store(steps, next, space.right + filled * kRightSize<S>, space.coefficients[filled]);
  }
  __syncthreads();
}

struct NothingMore {
  __device__ void operator()(const ProductStep&) const {}
};

}  // namespace menet
