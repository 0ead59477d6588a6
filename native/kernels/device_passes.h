// The passes of a unit on a GPU. There are two kernels: `product`, a grouped 1x1 or 3x3
// convolution as a matrix product whose operands are normalised as they are loaded, and
// `tile_map`, which computes each element of a tile on its own. What happens to a tile then is an
// "end": end(part, group, first, count), the tile's columns being channels [first, first + count).
#pragma once

#include "cuda/matmul.h"
#include "kernels/tile_sums.h"
#include "kernels/unit.h"

namespace menet {

// --- Operands of products: (pixel, k) on the left, (k, column) on the right.

template <typename T>
struct SourcePixels {
  static constexpr bool kAlongDepth = true;
  Source<T> in;
  int64_t each;  // channels of a group
  int64_t first = 0;

  __device__ void select(int64_t group) { first = group * each; }
  __device__ T operator()(int64_t pixel, int64_t k) const { return read(in, pixel, first + k); }
};

// The same with pixels as the depth, for gradients of weights.
template <typename T>
struct SourceChannels {
  static constexpr bool kAlongDepth = false;
  Source<T> in;
  int64_t each;
  int64_t first = 0;

  __device__ void select(int64_t group) { first = group * each; }
  __device__ T operator()(int64_t k, int64_t pixel) const { return read(in, pixel, first + k); }
};

// Input under output pixel and (tap, channel) of a 3x3 window.
template <typename T, bool pixels_are_rows>
struct SourcePatches {
  static constexpr bool kAlongDepth = pixels_are_rows;
  Source<T> in;
  Map map;

  __device__ void select(int64_t) {}
  __device__ T operator()(int64_t row, int64_t k) const {
    const int64_t weight = pixels_are_rows ? k : row;
    const MapPixel p(pixels_are_rows ? row : k, map.out_height, map.out_width);
    const int64_t from = input_under(map, p, weight / in.channels);
    return from < 0 ? T(0) : read(in, from, weight % in.channels);
  }
};

template <typename T>
struct GradientPixels {
  static constexpr bool kAlongDepth = true;
  Gradient<T> dz;
  Shuffle shuffle;
  int64_t each;
  int64_t first = 0;

  __device__ void select(int64_t group) { first = group * each; }
  __device__ T operator()(int64_t pixel, int64_t k) const {
    return read(dz, pixel, shuffle.position(first + k));
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
  __device__ T operator()(int64_t pixel, int64_t column) const {
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
  __device__ T operator()(int64_t pixel, int64_t weight) const {
    const MapPixel p(pixel, map.height, map.width);
    const int64_t from = output_over(map, p, weight / dz.channels);
    return from < 0 ? T(0) : read(dz, from, weight % dz.channels);
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

template <typename T>
struct TransposedWeights {
  static constexpr bool kAlongDepth = true;
  const T* weights;
  WeightLayout layout;
  int64_t group = 0;

  __device__ void select(int64_t batch) { group = batch; }
  __device__ T operator()(int64_t k, int64_t column) const {
    return weights[column * layout.groups * layout.channels + group * layout.channels + k];
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

// --- Ends

// Stores z and leaves its moments.
template <typename T>
struct StoreEnd {
  T* out;  // null: the moments alone
  int64_t stride;
  Shuffle shuffle;
  TileSums<T> moments;

  template <typename Part>
  __device__ void operator()(Part& part, int64_t first, int64_t count) const {
    if (out != nullptr) {
      part.for_each(count, [&](int i, int j, int64_t pixel) {
        out[pixel * stride + shuffle.position(first + part.columns[j])] = part.values[i][j];
      });
    }
    if (moments.first != nullptr) part.write_moments(moments, first, count);
  }
};

// relu((z - mean) * scale + offset + residual): the end of an inference unit.
template <typename T>
struct JoinEnd {
  T* out;
  int64_t stride;
  const T *mean, *scale, *offset;
  const T* residual;  // of stride `stride`; null: nothing is added

  template <typename Part>
  __device__ void operator()(Part& part, int64_t first, int64_t count) const {
    part.for_each(count, [&](int i, int j, int64_t pixel) {
      const int64_t c = first + part.columns[j], at = pixel * stride + c;
      T v = (part.values[i][j] - mean[c]) * scale[c] + offset[c];
      if (residual != nullptr) v += residual[at];
      out[at] = v > 0 ? v : T(0);
    });
  }
};

// The gradient of a pass's input: through gate, relu and batch norm of a source that has them.
template <typename T>
struct GradientEnd {
  Source<T> in;
  T* d_in;            // of the normalised input before relu, or of a raw one
  T* d_gate;          // of the normalised gate before the sigmoid
  bool accumulate;    // raw input: add to d_in
  const T* residual;  // raw input: adds residual where residual_mask > 0
  const T* residual_mask;
  TileSums<T> sums, gate_sums;  // of a normalised input

  template <typename Part>
  __device__ void operator()(Part& part, int64_t first, int64_t count) const {
    Part gate = part;
    part.for_each(count, [&](int i, int j, int64_t pixel) {
      const int64_t c = first + part.columns[j], at = pixel * in.channels + c;
      T d = part.values[i][j];
      if (in.scale == nullptr) {
        if (accumulate) d += d_in[at];
        if (residual != nullptr && residual_mask[at] > 0) d += residual[at];
      } else {
        const T a = normalized_at(in, pixel, c);
        if (in.relu && !(a > 0)) d = 0;
        if (in.gate != nullptr) {
          const T s = gate_at(in, pixel, c);
          gate.values[i][j] = d * a * s * (1 - s);
          d_gate[at] = gate.values[i][j];
          d *= s;
        }
      }
      d_in[at] = d;
      part.values[i][j] = d;
    });
    if (sums.first == nullptr) return;
    part.write_products(sums, first, count, [&](int i, int j) {
      const int64_t c = first + part.columns[j];
      return in.z[part.pixel(i) * in.channels + c] - in.mean[c];
    });
    if (gate_sums.first == nullptr) return;
    gate.write_products(gate_sums, first, count, [&](int i, int j) {
      const int64_t c = first + part.columns[j];
      return in.gate[part.pixel(i) * in.channels + c] - in.gate_mean[c];
    });
  }
};

// The sums of da alone, which lies there.
template <typename T>
struct SumEnd {
  Gradient<T> dz;
  TileSums<T> sums;

  template <typename Part>
  __device__ void operator()(Part& part, int64_t first, int64_t count) const {
    part.write_products(sums, first, count, [&](int i, int j) {
      const int64_t c = first + part.columns[j];
      return dz.z[part.pixel(i) * dz.channels + c] - dz.mean[c];
    });
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

constexpr int kMapWidth = 32;  // channels of a block of tile_map
constexpr int kMapLines = 8;

// part = f(pixel, channel). Blocks: x tiles of 64 pixels, y of 32 channels.
template <typename T, typename F, typename End>
__global__ void tile_map(F f, End end, int64_t pixels, int64_t channels) {
  constexpr int kEach = static_cast<int>(kTilePixels) / kMapLines;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kMapWidth;
  TilePart<T, kEach, 1, kMapLines, kMapWidth> part;
  part.tile = blockIdx.x;
  part.pixels = pixels;
  part.line = static_cast<int>(threadIdx.y);
  part.columns[0] = static_cast<int>(threadIdx.x);
  for (int i = 0; i < kEach; ++i) {
    part.rows[i] = part.line + kMapLines * i;
    part.values[i][0] = 0;
  }
  const int64_t count = channels - first;
  part.for_each(count, [&](int i, int, int64_t pixel) {
    part.values[i][0] = f(pixel, first + part.columns[0]);
  });
  end(part, first, count);
}

template <typename T, typename F, typename End>
void launch_tile_map(const Call& call, const F& f, const End& end, int64_t pixels,
                     int64_t channels) {
  const Grid grid{dim3(static_cast<unsigned>(ceil_div(pixels, kTilePixels)),
                       static_cast<unsigned>(ceil_div(channels, kMapWidth))),
                  dim3(kMapWidth, kMapLines)};
  launch(call, tile_map<T, F, End>, grid, f, end, pixels, channels);
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
