// `product`: a 3x3 convolution on a GPU, such as the stem's, as a matrix product whose operands are
// normalised as they are loaded, and the gradient of its weights.
#pragma once

#include "cuda/matmul.h"
#include "kernels/device_ends.h"
#include "kernels/unit.h"

namespace menet {

// --- Operands of products: (pixel, k) on the left, (k, column) on the right.

// Input under output pixel and (tap, channel) of a 3x3 window.
template <typename T, bool pixels_are_rows>
struct SourcePatches {
  static constexpr bool kAlongDepth = pixels_are_rows;
  Source<T> in;
  Map map;

  __device__ void select(int64_t) {}
  __device__ Compute<T> operator()(int64_t row, int64_t k) const {
    const int64_t weight = pixels_are_rows ? k : row;
    const MapPixel p(pixels_are_rows ? row : k, map.out_height, map.out_width);
    const int64_t from = input_under(map, p, weight / in.channels);
    return from < 0 ? Compute<T>(0) : read(in, from, weight % in.channels);
  }
};

// On the right, with pixels as the depth.
template <typename T>
struct GradientColumns {
  static constexpr bool kAlongDepth = false;
  Gradient<T> dz;
  Shuffle shuffle;
  int64_t each;
  int64_t first = 0;

  __device__ void select(int64_t group) { first = group * each; }
  __device__ Compute<T> operator()(int64_t pixel, int64_t column) const {
    return read(dz, pixel, shuffle.position(first + column));
  }
};

// dz that an input pixel contributed to through (tap, output channel) of a 3x3 window.
template <typename T>
struct GradientPatches3x3 {
  static constexpr bool kAlongDepth = true;
  Gradient<T> dz;
  Map map;

  __device__ void select(int64_t) {}
  __device__ Compute<T> operator()(int64_t pixel, int64_t weight) const {
    const MapPixel p(pixel, map.height, map.width);
    const int64_t from = output_over(map, p, weight / dz.channels);
    return from < 0 ? Compute<T>(0) : read(dz, from, weight % dz.channels);
  }
};

// Weights (k, column) of a group as TensorFlow lays them out.
template <typename T>
struct GroupWeights {
  static constexpr bool kAlongDepth = false;
  const T* weights;
  WeightLayout layout;
  int64_t group = 0;

  __device__ void select(int64_t batch) { group = batch; }
  __device__ T operator()(int64_t k, int64_t column) const {
    return weights[k * layout.groups * layout.channels + group * layout.channels + column];
  }
};

// 3x3 weights [tap][in][out] as (tap, out; in).
template <typename T>
struct TransposedWeights3x3 {
  static constexpr bool kAlongDepth = true;
  const T* weights;
  int64_t in, out;

  __device__ void select(int64_t) {}
  __device__ T operator()(int64_t k, int64_t column) const {
    return weights[(k / out * in + column) * out + k % out];
  }
};

// Where the gradient of a weight (group, k, column) goes, in partial sums of all of them.
template <typename T>
struct WeightGradient {
  T* partials;
  WeightLayout layout;
  int64_t group = 0;

  __device__ void select(int64_t batch, int64_t split) {
    group = batch;
    partials += split * layout.groups * layout.depth * layout.channels;
  }
  __device__ void operator()(int64_t k, int64_t column, T value) const {
    partials[k * layout.groups * layout.channels + group * layout.channels + column] = value;
  }
};

// --- Kernels

// Blocks: x tiles of 64 pixels, y of columns, z groups.
template <typename T, int kEachColumns, typename A, typename B, typename End>
__global__ void __launch_bounds__(kTileThreads) product(A a, B b, End end, MatmulShape shape) {
  a.select(blockIdx.z);
  b.select(blockIdx.z);
  const int64_t column0 = static_cast<int64_t>(blockIdx.y) * 16 * kEachColumns;
  TilePart<T, kEachRows, kEachColumns, kTileThreads / 16, 16 * kEachColumns> part;
  part.tile = blockIdx.x;
  part.pixels = shape.rows;
  part.line = static_cast<int>(threadIdx.x) / 16;
  for (int i = 0; i < kEachRows; ++i) part.rows[i] = tile_row(i);
  for (int j = 0; j < kEachColumns; ++j) part.columns[j] = tile_column(j);
  multiply_tile<T, kEachColumns>(shape, a, b, part.tile * kTileHeight, column0, 0, shape.depth,
                                 part.values);
  end(part, blockIdx.z * shape.columns + column0, shape.columns - column0);
}

template <typename T, typename A, typename B, typename End>
void launch_product(const Call& call, const A& a, const B& b, const End& end,
                    const MatmulShape& shape) {
  static_assert(kTileHeight == kTilePixels);
  with_tile_columns(shape, [&](auto columns) {
    launch(call, product<T, decltype(columns)::value, A, B, End>, matmul_grid(shape), a, b, end,
           shape);
  });
}

// The gradient of weights, summed over pixels in parts whose number fills a GPU.
template <typename T, typename A, typename B>
void launch_weight_gradient(Call& call, const A& a, const B& b, const WeightLayout& layout,
                            int64_t pixels, T* d_weights) {
  MatmulShape shape{layout.depth, layout.channels, pixels, layout.groups};
  shape.splits = depth_splits(shape);
  const int64_t size = layout.groups * layout.depth * layout.channels;
  T* partials = shape.splits == 1 ? d_weights : call.scratch<T>(shape.splits * size);
  const WeightGradient<T> c{partials, layout};
  launch_matmul_to<T>(call, a, b, c, shape);
  if (shape.splits == 1) return;
  sum_partials(call, static_cast<const T*>(partials), shape.splits, size, d_weights);
}

}  // namespace menet
