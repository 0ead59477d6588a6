#include "kernels/conv3x3.h"

#include "kernels/tiles.h"
#include "simd/gemm.h"

namespace menet {
namespace MENET_ISA {

namespace {

// Rows are packed without padding between pixels, so what read_padded_row stores
// behind a pixel's channels is overwritten by the next pixel, and the last row needs slack.
template <typename X, typename T = Compute<X>>
void read_packed_row(const Source<X>& in, const Map& map, int64_t image, int64_t y, T* row) {
  const int64_t c = in.channels;
  const bool raw = in.scale == nullptr && !in.relu;
  if (!raw || y < 0 || y >= map.height) {
    read_padded_row(in, image, y, map.height, map.width, row, c);
    return;
  }
  __builtin_memset(row, 0, static_cast<size_t>(c) * sizeof(T));
  const X* pixels = in.z + (image * map.height + y) * map.width * c;
  if constexpr (kIsHalf<X>) {
    for_vectors<T>(map.width * c, [&](int64_t i, auto width) {
      store(row + c + i, load(pixels + i, width), width);
    });
  } else {
    __builtin_memcpy(row + c, pixels, static_cast<size_t>(map.width * c) * sizeof(T));
  }
  __builtin_memset(row + (map.width + 1) * c, 0, static_cast<size_t>(c) * sizeof(T));
}

}  // namespace

template <typename X, typename S>
void conv3x3_forward(const Conv3x3Forward<X, S>& args, int64_t begin, int64_t end,
                     Sums<Compute<S>>* sums, Compute<S>* scratch) {
  using T = Compute<S>;
  const Map& map = args.map;
  const int64_t in = args.in.channels;
  const int64_t channels = args.out_channels;
  const int64_t stride = pad(channels);
  const int64_t row_size = (map.width + 2) * in;
  T* tile = scratch + pad(3 * row_size) + kPad;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / map.out_height;
    const int64_t y = row % map.out_height * map.stride - 1;
    for (int64_t k = 0; k < 3; ++k) {
      read_packed_row(args.in, map, image, y + k, scratch + k * row_size);
    }
    for (int64_t k = 0; k < 3; ++k) {
      const Strided<T> taps{scratch + k * row_size, map.stride * in, 1};
      const T* weights = args.weights + k * 3 * in * stride;
      if (k == 0) {
        gemm<T, false>(map.out_width, padded<T>(channels), 3 * in, taps, weights, stride, tile,
                       stride);
      } else {
        gemm<T, true>(map.out_width, padded<T>(channels), 3 * in, taps, weights, stride, tile,
                      stride);
      }
    }
    write_rows(tile, map.out_width, stride, channels, args.out + row * map.out_width * channels,
               channels);
    if (sums != nullptr) {
      add_moments(tile, map.out_width, stride, channels, 0, *sums);
      sums->count += map.out_width;
    }
  }
}

namespace {

// Adds one output row's taps of one kernel row to the padded image's gradient row.
template <typename T>
void scatter_taps(const Map& map, int64_t in, const T* taps, int64_t stride, T* d_row) {
  for (int64_t x = 0; x < map.out_width; ++x) {
    T* d = d_row + x * map.stride * in;
    for_vectors<T>(3 * in, [&](int64_t c, auto width) {
      store(d + c, load(d + c, width) + load(taps + x * stride + c), width);
    });
  }
}

template <typename X, typename S, typename T = Compute<S>>
void write_image(const Conv3x3Backward<X, S>& args, int64_t image, const T* in, const T* d_in,
                 const BlockSums<T>& sums) {
  const Map& map = args.map;
  const int64_t channels = args.in.channels;
  for (int64_t y = 0; y < map.height; ++y) {
    for (int64_t x = 0; x < map.width; ++x) {
      const int64_t from = ((y + 1) * (map.width + 2) + x + 1) * channels;
      const int64_t offset = ((image * map.height + y) * map.width + x) * channels;
      for_vectors<T>(channels, [&](int64_t c, auto width) {
        Vector<T> d = load(d_in + from + c, width);
        if (args.in.relu) d = load(in + from + c, width) > 0 ? d : Vector<T>{};
        d = store_rounded(args.d_in + offset + c, d, width);
        if (args.in.scale != nullptr) {
          sums.add(c, d, load(args.in.z + offset + c, width), args.in.mean, width);
        }
      });
    }
  }
}

template <typename X, typename S, typename T = Compute<S>>
void backward_row(const Conv3x3Backward<X, S>& args, int64_t image, int64_t y, const T* in, T* d_in,
                  T* dz, T* taps, T* d_weights) {
  const Map& map = args.map;
  const int64_t channels = args.in.channels;
  const int64_t out = args.out.channels;
  const int64_t row_size = (map.width + 2) * channels;
  const int64_t taps_stride = pad(3 * channels);
  read_rows(args.out, (image * map.out_height + y) * map.out_width, map.out_width, dz, pad(out));
  for (int64_t k = 0; k < 3; ++k) {
    const int64_t row = (y * map.stride + k) * row_size;
    gemm<T, true>(3 * channels, padded<T>(out), map.out_width, {in + row, 1, map.stride * channels},
                  dz, pad(out), d_weights + k * 3 * channels * pad(out), pad(out));
    if (args.d_in == nullptr) continue;
    gemm<T, false>(map.out_width, padded<T>(3 * channels), out, {dz, pad(out), 1},
                   args.weights + k * out * taps_stride, taps_stride, taps, taps_stride);
    scatter_taps(map, channels, taps, taps_stride, d_in + row);
  }
}

}  // namespace

template <typename X, typename S>
void conv3x3_backward(const Conv3x3Backward<X, S>& args, int64_t begin, int64_t end,
                      Compute<S>* d_weights, Sums<Compute<S>>* sums, Compute<S>* scratch) {
  using T = Compute<S>;
  const Map& map = args.map;
  const int64_t channels = args.in.channels;
  const int64_t row_size = (map.width + 2) * channels;
  const int64_t image_size = (map.height + 2) * row_size;
  T* in = scratch;
  T* d_in = in + pad(image_size) + kPad;
  T* dz = d_in + pad(image_size) + kPad;
  T* taps = dz + map.out_width * pad(args.out.channels);
  T* sum_rows = taps + map.out_width * pad(3 * channels);
  const BlockSums<T> image_sums{sum_rows, sum_rows + pad(channels)};
  for (int64_t image = begin; image < end; ++image) {
    for (int64_t y = -1; y <= map.height; ++y) {
      read_packed_row(args.in, map, image, y, in + (y + 1) * row_size);
    }
    if (args.d_in != nullptr) {
      __builtin_memset(d_in, 0, static_cast<size_t>(image_size) * sizeof(T));
    }
    for (int64_t y = 0; y < map.out_height; ++y) {
      backward_row(args, image, y, in, d_in, dz, taps, d_weights);
    }
    if (args.d_in == nullptr) continue;
    image_sums.clear(channels);
    write_image(args, image, in, d_in, image_sums);
    if (sums != nullptr) image_sums.flush(channels, *sums);
  }
}

#define INSTANTIATE_PAIR(X, S)                                                         \
  template void conv3x3_forward<X, S>(const Conv3x3Forward<X, S>&, int64_t, int64_t,   \
                                      Sums<Compute<S>>*, Compute<S>*);                 \
  template void conv3x3_backward<X, S>(const Conv3x3Backward<X, S>&, int64_t, int64_t, \
                                       Compute<S>*, Sums<Compute<S>>*, Compute<S>*);
#define INSTANTIATE(S) INSTANTIATE_PAIR(S, S)
MENET_FOR_STORAGE(INSTANTIATE)
INSTANTIATE_PAIR(float, BFloat16)
INSTANTIATE_PAIR(float, Float16)

}  // namespace MENET_ISA
}  // namespace menet
