#include "kernels/pointwise.h"

#include "kernels/tiles.h"
#include "simd/gemm.h"

namespace menet {
namespace MENET_ISA {

namespace {

// A tile of what the convolution multiplies, or the tensor itself where it is read raw.
template <typename T>
Strided<T> read_tile(const Source<T>& in, int64_t begin, int64_t rows, T* tile) {
  if (in.scale == nullptr && !in.relu && in.gate == nullptr) {
    return {in.z + begin * in.channels, in.channels, 1};
  }
  const int64_t stride = pad(in.channels);
  for (int64_t p = 0; p < rows; ++p) {
    for_vectors<T>(in.channels, [&](int64_t c, auto width) {
      Vector<T> a = read(in, begin + p, c, width);
      if (in.gate != nullptr) a *= read_gate(in, begin + p, c, width);
      store(tile + p * stride + c, a);
    });
  }
  return {tile, stride, 1};
}

template <typename T>
void write_group(const PointwiseForward<T>& args, int64_t begin, int64_t rows, int64_t first,
                 int64_t channels, const T* tile, int64_t stride) {
  for (int64_t p = 0; p < rows; ++p) {
    T* out = args.out + (begin + p) * args.out_stride;
    const T* row = tile + p * stride;
    if (args.order != nullptr) {
      for (int64_t c = 0; c < channels; ++c) out[args.order[first + c]] = row[c];
    } else {
      for_vectors<T>(channels, [&](int64_t c, auto width) {
        store(out + first + c, load(row + c, width), width);
      });
    }
  }
}

template <typename T>
void join_group(const PointwiseForward<T>& args, int64_t begin, int64_t rows, int64_t first,
                int64_t channels, const T* tile, int64_t stride) {
  for (int64_t p = 0; p < rows; ++p) {
    const int64_t offset = (begin + p) * args.out_stride + first;
    for_vectors<T>(channels, [&](int64_t c, auto width) {
      const int64_t k = first + c;
      Vector<T> y = load(tile + p * stride + c) - load(args.out_mean + k, width);
      y = y * load(args.out_scale + k, width) + load(args.out_offset + k, width);
      if (args.residual != nullptr) y += load(args.residual + offset + c, width);
      store(args.out + offset + c, relu<T>(y), width);
    });
  }
}

}  // namespace

template <typename T>
void pointwise_forward(const PointwiseForward<T>& args, int64_t begin, int64_t end, Sums<T>* sums,
                       T* scratch) {
  const int64_t depth = args.in.channels / args.groups;
  const int64_t channels = args.out_channels / args.groups;
  const int64_t stride = pad(channels);
  const int64_t tile = tile_rows(args.in.channels, args.out_channels, args.groups);
  T* out_tile = scratch + tile * pad(args.in.channels);
  for (int64_t p = begin; p < end; p += tile) {
    const int64_t rows = end - p < tile ? end - p : tile;
    const Strided<T> in = read_tile(args.in, p, rows, scratch);
    for (int64_t g = 0; g < args.groups; ++g) {
      gemm<T, false>(rows, padded<T>(channels), depth, {in.data + g * depth, in.row, 1},
                     args.weights + g * depth * stride, stride, out_tile, stride);
      if (args.out_scale != nullptr) {
        join_group(args, p, rows, g * channels, channels, out_tile, stride);
      } else {
        write_group(args, p, rows, g * channels, channels, out_tile, stride);
      }
      if (sums != nullptr) add_moments(out_tile, rows, stride, channels, g * channels, *sums);
    }
    if (sums != nullptr) sums->count += rows;
  }
}

namespace {

// dz of a tile, each group's columns padded: [rows][groups][pad(channels)].
template <typename T>
void read_gradient_tile(const PointwiseBackward<T>& args, int64_t begin, int64_t rows, T* tile) {
  const int64_t channels = args.out.channels / args.groups;
  const int64_t stride = pad(channels);
  for (int64_t p = 0; p < rows; ++p) {
    for (int64_t g = 0; g < args.groups; ++g) {
      T* row = tile + (p * args.groups + g) * stride;
      if (args.order == nullptr) {
        for_vectors<T>(channels, [&](int64_t c, auto width) {
          store(row + c, read(args.out, begin + p, g * channels + c, width));
        });
        continue;
      }
      const int32_t* order = args.order + g * channels;
      const Gradient<T>& out = args.out;
      const T* da = out.da + (begin + p) * out.da_stride;
      const T* z = out.z + (begin + p) * out.channels;
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t k = g * channels + c;
        row[c] = da[order[c]] * out.scale[k] + (z[order[c]] - out.mean[k]) * out.slope[k] +
                 out.constant[k];
      }
      for (int64_t c = channels; c < stride; ++c) row[c] = 0;
    }
  }
}

// Raw input: its gradient is the product itself, with what the join adds.
template <typename T>
void write_raw(const PointwiseBackward<T>& args, int64_t begin, int64_t rows, int64_t first,
               int64_t depth, const T* tile, int64_t stride) {
  for (int64_t p = 0; p < rows; ++p) {
    const int64_t offset = (begin + p) * args.in.channels + first;
    for_vectors<T>(depth, [&](int64_t c, auto width) {
      Vector<T> d = load(tile + p * stride + c);
      if (args.accumulate) d += load(args.d_in + offset + c, width);
      if (args.residual != nullptr) {
        const Vector<T> dy = load(args.residual + offset + c, width);
        d += load(args.residual_mask + offset + c, width) > 0 ? dy : Vector<T>{};
      }
      store(args.d_in + offset + c, d, width);
    });
  }
}

template <typename T>
void write_normalized(const PointwiseBackward<T>& args, int64_t begin, int64_t rows, int64_t first,
                      int64_t depth, const T* tile, int64_t stride, BlockSums<T> sums) {
  const Source<T>& in = args.in;
  for (int64_t p = begin; p < begin + rows; ++p, tile += stride) {
    for_vectors<T>(depth, [&](int64_t c, auto width) {
      const int64_t k = first + c;
      Vector<T> d = load(tile + c);
      if (in.relu) d = read(in, p, k, width) > 0 ? d : Vector<T>{};
      store(args.d_in + p * in.channels + k, d, width);
      sums.add(k, d, load(in.z + p * in.channels + k, width), in.mean, width);
    });
  }
}

template <typename T>
void write_gated(const PointwiseBackward<T>& args, int64_t begin, int64_t rows, int64_t first,
                 int64_t depth, const T* tile, int64_t stride, BlockSums<T> sums,
                 BlockSums<T> gate_sums) {
  const Source<T>& in = args.in;
  for (int64_t p = begin; p < begin + rows; ++p, tile += stride) {
    for_vectors<T>(depth, [&](int64_t c, auto width) {
      const int64_t k = first + c;
      const int64_t offset = p * in.channels + k;
      const Vector<T> s = read_gate(in, p, k, width);
      const Vector<T> d_in = load(tile + c) * s;
      const Vector<T> d_gate = d_in * read(in, p, k, width) * (T(1) - s);
      store(args.d_in + offset, d_in, width);
      store(args.d_gate + offset, d_gate, width);
      sums.add(k, d_in, load(in.z + offset, width), in.mean, width);
      gate_sums.add(k, d_gate, load(in.gate + offset, width), in.gate_mean, width);
    });
  }
}

}  // namespace

template <typename T>
void pointwise_backward(const PointwiseBackward<T>& args, int64_t begin, int64_t end, T* d_weights,
                        Sums<T>* sums, Sums<T>* gate_sums, T* scratch) {
  const int64_t in_channels = args.in.channels;
  const int64_t depth = in_channels / args.groups;
  const int64_t channels = args.out.channels / args.groups;
  const int64_t out_stride = pad(channels);
  const int64_t in_stride = pad(depth);
  const int64_t tile = tile_rows(in_channels, args.out.channels, args.groups);
  T* dz = scratch + tile * pad(in_channels);
  T* d_tile = dz + tile * args.groups * out_stride;
  T* sum_rows = d_tile + tile * in_stride;
  const BlockSums<T> in_sums{sum_rows, sum_rows + pad(in_channels)};
  const BlockSums<T> e_sums{sum_rows + 2 * pad(in_channels), sum_rows + 3 * pad(in_channels)};
  for (int64_t p = begin; p < end; p += tile) {
    const int64_t rows = end - p < tile ? end - p : tile;
    read_gradient_tile(args, p, rows, dz);
    const Strided<T> in = read_tile(args.in, p, rows, scratch);
    if (sums != nullptr) in_sums.clear(in_channels);
    if (gate_sums != nullptr) e_sums.clear(in_channels);
    for (int64_t g = 0; g < args.groups; ++g) {
      const T* dz_group = dz + g * out_stride;
      gemm<T, true>(depth, padded<T>(channels), rows, {in.data + g * depth, 1, in.row}, dz_group,
                    args.groups * out_stride, d_weights + g * depth * out_stride, out_stride);
      gemm<T, false>(rows, padded<T>(depth), channels, {dz_group, args.groups * out_stride, 1},
                     args.weights + g * channels * in_stride, in_stride, d_tile, in_stride);
      if (args.in.gate != nullptr) {
        write_gated(args, p, rows, g * depth, depth, d_tile, in_stride, in_sums, e_sums);
      } else if (args.in.scale != nullptr) {
        write_normalized(args, p, rows, g * depth, depth, d_tile, in_stride, in_sums);
      } else {
        write_raw(args, p, rows, g * depth, depth, d_tile, in_stride);
      }
    }
    if (sums != nullptr) in_sums.flush(in_channels, *sums);
    if (gate_sums != nullptr) e_sums.flush(in_channels, *gate_sums);
  }
}

#define INSTANTIATE(T)                                                                             \
  template void pointwise_forward<T>(const PointwiseForward<T>&, int64_t, int64_t, Sums<T>*, T*);  \
  template void pointwise_backward<T>(const PointwiseBackward<T>&, int64_t, int64_t, T*, Sums<T>*, \
                                      Sums<T>*, T*);
MENET_FOR_FLOATS(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
