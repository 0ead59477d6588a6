#include "kernels/pointwise.h"

#include "kernels/tiles.h"
#include "simd/gemm.h"

namespace menet {
namespace MENET_ISA {

namespace {

// A tile of what the convolution multiplies, or the tensor itself where it is read raw.
template <typename S, typename T = Compute<S>>
Strided<T> read_tile(const Source<S>& in, int64_t begin, int64_t rows, T* tile) {
  if constexpr (!kIsHalf<S>) {
    if (in.scale == nullptr && !in.relu && in.gate == nullptr) {
      return {in.z + begin * in.channels, in.channels, 1};
    }
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

// out[order[c]] = row[c], the row keeping what is stored.
template <typename S, typename T = Compute<S>>
void scatter_row(T* row, int64_t channels, const int32_t* order, S* out) {
  if constexpr (!kIsHalf<S>) {
    for (int64_t c = 0; c < channels; ++c) out[order[c]] = row[c];
  } else {
    S lanes[kLanes<T>];
    for (int64_t c = 0; c < channels; c += kLanes<T>) {
      store(row + c, store_rounded(lanes, load(row + c), Whole{}));
      const int64_t count = channels - c < kLanes<T> ? channels - c : kLanes<T>;
      for (int64_t i = 0; i < count; ++i) out[order[c + i]] = lanes[i];
    }
  }
}

template <typename S, typename T = Compute<S>>
void write_group(const PointwiseForward<S>& args, int64_t begin, int64_t rows, int64_t first,
                 int64_t channels, T* tile, int64_t stride) {
  S* out = args.out + begin * args.out_stride;
  if (args.order == nullptr) {
    return write_rows(tile, rows, stride, channels, out + first, args.out_stride);
  }
  for (int64_t p = 0; p < rows; ++p) {
    scatter_row(tile + p * stride, channels, args.order + first, out + p * args.out_stride);
  }
}

template <typename S, typename T = Compute<S>>
void join_group(const PointwiseForward<S>& args, int64_t begin, int64_t rows, int64_t first,
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

template <typename S>
void pointwise_forward(const PointwiseForward<S>& args, int64_t begin, int64_t end,
                       Sums<Compute<S>>* sums, Compute<S>* scratch) {
  using T = Compute<S>;
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

// dz of one pixel's channels [first, first + channels), which lie at `order` in its tensors.
template <typename S, typename T = Compute<S>>
void gather_gradient(const Gradient<S>& g, int64_t pixel, const int32_t* order, int64_t first,
                     int64_t channels, T* row) {
  const S* da = g.da + pixel * g.da_stride;
  const S* z = g.z + pixel * g.channels;
  if constexpr (!kIsHalf<S>) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t k = first + c;
      row[c] = da[order[c]] * g.scale[k] + (z[order[c]] - g.mean[k]) * g.slope[k] + g.constant[k];
    }
  } else {
    S da_lanes[kLanes<T>] = {};
    S z_lanes[kLanes<T>] = {};
    for_vectors<T>(channels, [&](int64_t c, auto width) {
      const int64_t k = first + c;
      const int64_t count = channels - c < kLanes<T> ? channels - c : kLanes<T>;
      for (int64_t i = 0; i < count; ++i) {
        da_lanes[i] = da[order[c + i]];
        z_lanes[i] = z[order[c + i]];
      }
      const Vector<T> centred = load(z_lanes, width) - load(g.mean + k, width);
      store(row + c, load(da_lanes, width) * load(g.scale + k, width) +
                         centred * load(g.slope + k, width) + load(g.constant + k, width));
    });
  }
}

// dz of a tile, each group's columns padded: [rows][groups][pad(channels)].
template <typename S, typename T = Compute<S>>
void read_gradient_tile(const PointwiseBackward<S>& args, int64_t begin, int64_t rows, T* tile) {
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
      const int64_t first = g * channels;
      for (int64_t c = channels; c < stride; ++c) row[c] = 0;
      gather_gradient(args.out, begin + p, args.order + first, first, channels, row);
    }
  }
}

// Raw input: its gradient is the product itself, with what the join adds.
template <typename S, typename T = Compute<S>>
void write_raw(const PointwiseBackward<S>& args, int64_t begin, int64_t rows, int64_t first,
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

template <typename S, typename T = Compute<S>>
void write_normalized(const PointwiseBackward<S>& args, int64_t begin, int64_t rows, int64_t first,
                      int64_t depth, const T* tile, int64_t stride, BlockSums<T> sums) {
  const Source<S>& in = args.in;
  for (int64_t p = begin; p < begin + rows; ++p, tile += stride) {
    for_vectors<T>(depth, [&](int64_t c, auto width) {
      const int64_t k = first + c;
      Vector<T> d = load(tile + c);
      if (in.relu) d = read(in, p, k, width) > 0 ? d : Vector<T>{};
      d = store_rounded(args.d_in + p * in.channels + k, d, width);
      sums.add(k, d, load(in.z + p * in.channels + k, width), in.mean, width);
    });
  }
}

template <typename S, typename T = Compute<S>>
void write_gated(const PointwiseBackward<S>& args, int64_t begin, int64_t rows, int64_t first,
                 int64_t depth, const T* tile, int64_t stride, BlockSums<T> sums,
                 BlockSums<T> gate_sums) {
  const Source<S>& in = args.in;
  for (int64_t p = begin; p < begin + rows; ++p, tile += stride) {
    for_vectors<T>(depth, [&](int64_t c, auto width) {
      const int64_t k = first + c;
      const int64_t offset = p * in.channels + k;
      const Vector<T> s = read_gate(in, p, k, width);
      const Vector<T> d = load(tile + c) * s;
      const Vector<T> d_in = store_rounded(args.d_in + offset, d, width);
      const Vector<T> d_gate =
          store_rounded(args.d_gate + offset, d * read(in, p, k, width) * (T(1) - s), width);
      sums.add(k, d_in, load(in.z + offset, width), in.mean, width);
      gate_sums.add(k, d_gate, load(in.gate + offset, width), in.gate_mean, width);
    });
  }
}

}  // namespace

template <typename S>
void pointwise_backward(const PointwiseBackward<S>& args, int64_t begin, int64_t end,
                        Compute<S>* d_weights, Sums<Compute<S>>* sums, Sums<Compute<S>>* gate_sums,
                        Compute<S>* scratch) {
  using T = Compute<S>;
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

#define INSTANTIATE(S)                                                                            \
  template void pointwise_forward<S>(const PointwiseForward<S>&, int64_t, int64_t,                \
                                     Sums<Compute<S>>*, Compute<S>*);                             \
  template void pointwise_backward<S>(const PointwiseBackward<S>&, int64_t, int64_t, Compute<S>*, \
                                      Sums<Compute<S>>*, Sums<Compute<S>>*, Compute<S>*);
MENET_FOR_STORAGE(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
