// The pooled half of a unit of stride 2 on a GPU: the average of 3x3 windows with padding 1, which
// counts, and relu, beside the other channels of y.
#pragma once

#include "kernels/operands.h"
#include "kernels/pixel_vectors.h"

namespace menet {

// A map's numbers in 32 bits.
struct PoolMap {
  int height, width, stride, out_height, out_width;

  explicit PoolMap(const Map& m)
      : height(static_cast<int>(m.height)),
        width(static_cast<int>(m.width)),
        stride(static_cast<int>(m.stride)),
        out_height(static_cast<int>(m.out_height)),
        out_width(static_cast<int>(m.out_width)) {}

  // Input pixel under a tap of output pixel p, or -1 outside of the image.
  __device__ int64_t under(const ImagePixel& p, int tap) const {
    const int y = p.y * stride + tap / 3 - 1, x = p.x * stride + tap % 3 - 1;
    if (y < 0 || y >= height || x < 0 || x >= width) return -1;
    return (p.image * height + y) * width + x;
  }

  // Output pixel whose tap lies on input pixel p, or -1 where there is none.
  __device__ int64_t over(const ImagePixel& p, int tap) const {
    const int y = p.y + 1 - tap / 3, x = p.x + 1 - tap % 3;
    if (y < 0 || x < 0 || y % stride != 0 || x % stride != 0) return -1;
    if (y / stride >= out_height || x / stride >= out_width) return -1;
    return (p.image * out_height + y / stride) * out_width + x / stride;
  }
};

// The sums of vectors under the taps of a window. kEach channels of a thread.
template <typename T, int kEach>
struct TapSums {
  T of[kEach];
};

template <typename S>
struct AveragePool {
  using T = Compute<S>;
  const S* x;
  int64_t channels;
  PoolMap map;
  S* y;  // of its first pooled channel
  int64_t stride;

  template <int kEach>
  class Lane {
   public:
    __device__ Lane(const AveragePool& op, const VectorStrand&) : op_(op) {}

    __device__ TapSums<T, kEach> load(const VectorPlace& p) const {
      TapSums<T, kEach> sums{};
      if (p.count == 0) return sums;
      const ImagePixel pixel(p.pixel, op_.map.out_height, op_.map.out_width);
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        const int64_t from = op_.map.under(pixel, tap);
        if (from < 0) continue;
        const auto x = load_vector<kEach>(op_.x, from * op_.channels + p.offset, p.count, p.whole);
#pragma unroll
        for (int k = 0; k < kEach; ++k) sums.of[k] += static_cast<T>(x.of[k]);
      }
      return sums;
    }

    __device__ void finish(const VectorPlace& p, const TapSums<T, kEach>& sums) const {
      Vector<S, kEach> y;
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        y.of[k] = static_cast<S>(sums.of[k] > 0 ? sums.of[k] / T(9) : T(0));
      }
      store_vector(op_.y, p.at(op_.stride), y, p.count, p.whole);
    }

   private:
    const AveragePool& op_;
  };
};

// Channels from `first` on of y, whose rows have `stride` of them.
template <typename S>
void launch_average_pool(const Call& call, const S* x, int64_t channels, const Map& map, S* y,
                         int64_t stride, int64_t first, int64_t out_pixels) {
  PixelVectors vectors(out_pixels, channels, sizeof(S), {stride, 0});
  const AveragePool<S> op{x, channels, PoolMap(map), y + first, stride};
  vectors.align(x, static_cast<const S*>(op.y));
  launch_pixels<S>(call, op, vectors);
}

// d_x: dy where y > 0, both from their first pooled channel on.
template <typename S>
struct AveragePoolGradient {
  using T = Compute<S>;
  const S* dy;
  const S* y;
  int64_t stride;
  int64_t channels;
  PoolMap map;
  S* d_x;

  template <int kEach>
  class Lane {
   public:
    __device__ Lane(const AveragePoolGradient& op, const VectorStrand&) : op_(op) {}

    __device__ TapSums<T, kEach> load(const VectorPlace& p) const {
      TapSums<T, kEach> sums{};
      if (p.count == 0) return sums;
      const ImagePixel pixel(p.pixel, op_.map.height, op_.map.width);
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        const int64_t from = op_.map.over(pixel, tap);
        if (from < 0) continue;
        const int64_t at = from * op_.stride + p.offset;
        const auto y = load_vector<kEach>(op_.y, at, p.count, p.whole);
        const auto dy = load_vector<kEach>(op_.dy, at, p.count, p.whole);
#pragma unroll
        for (int k = 0; k < kEach; ++k) {
          if (static_cast<T>(y.of[k]) > 0) sums.of[k] += static_cast<T>(dy.of[k]);
        }
      }
      return sums;
    }

    __device__ void finish(const VectorPlace& p, const TapSums<T, kEach>& sums) const {
      Vector<S, kEach> d_x;
#pragma unroll
      for (int k = 0; k < kEach; ++k) d_x.of[k] = static_cast<S>(sums.of[k] / T(9));
      store_vector(op_.d_x, p.at(op_.channels), d_x, p.count, p.whole);
    }

   private:
    const AveragePoolGradient& op_;
  };
};

template <typename S>
void launch_average_pool_gradient(const Call& call, const S* dy, const S* y, int64_t stride,
                                  int64_t first, int64_t channels, const Map& map, S* d_x,
                                  int64_t pixels) {
  PixelVectors vectors(pixels, channels, sizeof(S), {stride, 0});
  const AveragePoolGradient<S> op{dy + first, y + first, stride, channels, PoolMap(map), d_x};
  vectors.align(op.dy, op.y, static_cast<const S*>(d_x));
  launch_pixels<S>(call, op, vectors);
}

}  // namespace menet
