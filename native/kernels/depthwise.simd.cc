#include "kernels/depthwise.h"

#include "kernels/tiles.h"
#include "simd/gemm.h"

namespace menet {
namespace MENET_ISA {

namespace {

// One output row from three padded input rows; a pixel of a row is `stride` elements.
template <typename T>
void convolve_row(const Map& map, int64_t stride, const T* rows, const T* weights, T* out) {
  const int64_t row_stride = (map.width + 2) * stride;
  for (int64_t c = 0; c < stride; c += kLanes<T>) {
    Vector<T> w[9];
    for (int k = 0; k < 9; ++k) w[k] = load(weights + k * stride + c);
    for (int64_t x = 0; x < map.out_width; ++x) {
      const T* in = rows + x * map.stride * stride + c;
      Vector<T> total = load(in) * w[0] + load(in + stride) * w[1] + load(in + 2 * stride) * w[2];
      in += row_stride;
      total += load(in) * w[3] + load(in + stride) * w[4] + load(in + 2 * stride) * w[5];
      in += row_stride;
      total += load(in) * w[6] + load(in + stride) * w[7] + load(in + 2 * stride) * w[8];
      store(out + x * stride + c, total);
    }
  }
}

}  // namespace

template <typename S>
void depthwise_forward(const DepthwiseForward<S>& args, int64_t begin, int64_t end,
                       Sums<Compute<S>>* sums, Compute<S>* scratch) {
  using T = Compute<S>;
  const Map& map = args.map;
  const int64_t channels = args.in.channels;
  const int64_t stride = pad(channels);
  const int64_t row_stride = (map.width + 2) * stride;
  T* out_row = scratch + ((kDepthwiseRows - 1) * map.stride + 3) * row_stride;
  while (begin < end) {
    const int64_t image = begin / map.out_height;
    const int64_t y = begin % map.out_height;
    int64_t rows = map.out_height - y < kDepthwiseRows ? map.out_height - y : kDepthwiseRows;
    if (rows > end - begin) rows = end - begin;
    for (int64_t r = 0; r < (rows - 1) * map.stride + 3; ++r) {
      read_padded_row(args.in, image, y * map.stride - 1 + r, map.height, map.width,
                      scratch + r * row_stride, stride);
    }
    for (int64_t r = 0; r < rows; ++r) {
      convolve_row(map, stride, scratch + r * map.stride * row_stride, args.weights, out_row);
      S* out = args.out + (begin - args.first_row + r) * map.out_width * channels;
      write_rows(out_row, map.out_width, stride, channels, out, channels);
      if (sums != nullptr) {
        add_moments(out_row, map.out_width, stride, channels, 0, *sums);
        sums->count += map.out_width;
      }
    }
    begin += rows;
  }
}

namespace {

// A block's tiles: activations of rows [top - 1, ...] and dz of output rows [out_top - 1, ...],
// both with a zero pixel at each end of a row.
template <typename T>
struct Block {
  int64_t image;
  int64_t top;
  int64_t rows;
  int64_t out_top;
  int64_t out_rows;
  T* in;
  T* dz;
};

template <typename T>
void add_weight_gradient(const Map& map, int64_t stride, const Block<T>& block, T* d_weights) {
  const int64_t in_row = (map.width + 2) * stride;
  const int64_t out_row = (map.out_width + 2) * stride;
  for (int64_t c = 0; c < stride; c += kLanes<T>) {
    Vector<T> dw[9];
    for (int k = 0; k < 9; ++k) dw[k] = load(d_weights + k * stride + c);
    for (int64_t r = 0; r < block.out_rows; ++r) {
      const T* dz = block.dz + (r + 1) * out_row + stride + c;
      const T* in = block.in + r * map.stride * in_row + c;
      for (int64_t x = 0; x < map.out_width; ++x) {
        const Vector<T> d = load(dz + x * stride);
        for (int64_t k = 0; k < 9; ++k) {
          dw[k] += d * load(in + (k / 3) * in_row + (x * map.stride + k % 3) * stride);
        }
      }
    }
    for (int k = 0; k < 9; ++k) store(d_weights + k * stride + c, dw[k]);
  }
}

// Adds the transposed convolution to one row of input gradients. Tap (ky, kx) of output
// (oy, ox) reads input (oy·s + ky - 1, ox·s + kx - 1).
template <typename T>
void add_input_gradient(const Map& map, int64_t stride, const Block<T>& block, int64_t y,
                        const T* weights, T* d_row) {
  const int64_t out_row = (map.out_width + 2) * stride;
  for (int64_t ky = 0; ky < 3; ++ky) {
    const int64_t from = y + 1 - ky;
    if (from % map.stride != 0) continue;
    const T* dz = block.dz + (from / map.stride - block.out_top + 1) * out_row + stride;
    for (int64_t x = 0; x < map.width; ++x) {
      for (int64_t kx = 0; kx < 3; ++kx) {
        if ((x + 1 - kx) % map.stride != 0) continue;
        const T* d = dz + (x + 1 - kx) / map.stride * stride;
        const T* w = weights + (ky * 3 + kx) * stride;
        for (int64_t c = 0; c < stride; c += kLanes<T>) {
          store(d_row + x * stride + c, load(d_row + x * stride + c) + load(d + c) * load(w + c));
        }
      }
    }
  }
}

// Stride 1, the hot case: one sum of nine taps per vector, weights in registers.
template <typename T>
void add_input_gradient_dense(const Map& map, int64_t stride, const Block<T>& block, int64_t y,
                              const T* weights, T* d_row) {
  const int64_t out_row = (map.out_width + 2) * stride;
  const T* dz = block.dz + (y - block.out_top) * out_row;
  for (int64_t c = 0; c < stride; c += kLanes<T>) {
    Vector<T> w[9];
    for (int k = 0; k < 9; ++k) w[k] = load(weights + (8 - k) * stride + c);
    for (int64_t x = 0; x < map.width; ++x) {
      const T* d = dz + x * stride + c;
      Vector<T> total = load(d_row + x * stride + c);
      for (int64_t k = 0; k < 9; ++k)
        total += load(d + (k / 3) * out_row + (k % 3) * stride) * w[k];
      store(d_row + x * stride + c, total);
    }
  }
}

// The merge branch of one row: its weight gradient, and what it adds to d_row.
template <typename S, typename T = Compute<S>>
void merge_row(const DepthwiseBackward<S>& args, int64_t pixel, const T* in_row, T* dz_tile,
               T* d_merge, T* d_row) {
  const int64_t stride = pad(args.in.channels);
  const int64_t side = args.merge.channels;
  read_rows(args.merge, pixel, args.map.width, dz_tile, pad(side));
  gemm<T, true>(args.in.channels, padded<T>(side), args.map.width, {in_row, 1, stride}, dz_tile,
                pad(side), d_merge, pad(side));
  gemm<T, false>(args.map.width, padded<T>(args.in.channels), side, {dz_tile, pad(side), 1},
                 args.merge_weights, stride, d_row, stride);
}

template <typename S, typename T = Compute<S>>
void write_row(const DepthwiseBackward<S>& args, int64_t pixel, const T* in_row, const T* d_row,
               const BlockSums<T>& sums) {
  const int64_t channels = args.in.channels;
  const int64_t stride = pad(channels);
  for (int64_t x = 0; x < args.map.width; ++x) {
    for_vectors<T>(channels, [&](int64_t c, auto width) {
      Vector<T> d = load(d_row + x * stride + c);
      if (args.in.relu) d = load(in_row + x * stride + c) > 0 ? d : Vector<T>{};
      const int64_t offset = (pixel + x) * channels + c;
      d = store_rounded(args.d_in + offset, d, width);
      if (args.in.scale != nullptr)
        sums.add(c, d, load(args.in.z + offset, width), args.in.mean, width);
    });
  }
}

template <typename S, typename T = Compute<S>>
void read_block(const DepthwiseBackward<S>& args, int64_t stride, const Block<T>& block) {
  const Map& map = args.map;
  for (int64_t r = 0; r < block.rows + 2; ++r) {
    read_padded_row(args.in, block.image, block.top - 1 + r, map.height, map.width,
                    block.in + r * (map.width + 2) * stride, stride);
  }
  for (int64_t r = 0; r < block.out_rows + 2; ++r) {
    read_padded_row(args.out, block.image, block.out_top - 1 + r, map.out_height, map.out_width,
                    block.dz + r * (map.out_width + 2) * stride, stride);
  }
}

template <typename S, typename T = Compute<S>>
void backward_block(const DepthwiseBackward<S>& args, const Block<T>& block, T* d_row,
                    T* merge_tile, T* d_weights, T* d_merge, const BlockSums<T>& sums) {
  const Map& map = args.map;
  const int64_t stride = pad(args.in.channels);
  read_block(args, stride, block);
  add_weight_gradient(map, stride, block, d_weights);
  for (int64_t r = 0; r < block.rows; ++r) {
    const int64_t y = block.top + r;
    const int64_t pixel = (block.image * map.height + y) * map.width;
    const T* in_row = block.in + ((r + 1) * (map.width + 2) + 1) * stride;
    if (args.merge.da != nullptr) {
      merge_row(args, pixel, in_row, merge_tile, d_merge, d_row);
    } else {
      __builtin_memset(d_row, 0, static_cast<size_t>(map.width * stride) * sizeof(T));
    }
    if (map.stride == 1) {
      add_input_gradient_dense(map, stride, block, y, args.weights, d_row);
    } else {
      add_input_gradient(map, stride, block, y, args.weights, d_row);
    }
    write_row(args, pixel, in_row, d_row, sums);
  }
}

}  // namespace

template <typename S>
void depthwise_backward(const DepthwiseBackward<S>& args, int64_t begin, int64_t end,
                        Compute<S>* d_weights, Compute<S>* d_merge, Sums<Compute<S>>* sums,
                        Compute<S>* scratch) {
  using T = Compute<S>;
  const Map& map = args.map;
  const int64_t channels = args.in.channels;
  const int64_t stride = pad(channels);
  const int64_t blocks = depthwise_blocks(map);
  T* in = scratch;
  T* dz = in + (kDepthwiseRows + 2) * (map.width + 2) * stride;
  T* d_row = dz + (kDepthwiseRows + 2) * (map.out_width + 2) * stride;
  T* sum_rows = d_row + map.width * stride;
  const BlockSums<T> block_sums{sum_rows, sum_rows + stride};
  T* merge_tile = sum_rows + 2 * stride;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t top = i % blocks * kDepthwiseRows;
    const int64_t rows = map.height - top < kDepthwiseRows ? map.height - top : kDepthwiseRows;
    const int64_t out_rows = (rows + map.stride - 1) / map.stride;
    block_sums.clear(channels);
    const Block<T> block{i / blocks, top, rows, top / map.stride, out_rows, in, dz};
    backward_block(args, block, d_row, merge_tile, d_weights, d_merge, block_sums);
    if (sums != nullptr) block_sums.flush(channels, *sums);
  }
}

#define INSTANTIATE(S)                                                                            \
  template void depthwise_forward<S>(const DepthwiseForward<S>&, int64_t, int64_t,                \
                                     Sums<Compute<S>>*, Compute<S>*);                             \
  template void depthwise_backward<S>(const DepthwiseBackward<S>&, int64_t, int64_t, Compute<S>*, \
                                      Compute<S>*, Sums<Compute<S>>*, Compute<S>*);
MENET_FOR_STORAGE(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
