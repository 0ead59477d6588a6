// How kernels on a GPU read the operands of a unit's passes (kernels/operands.h).
#pragma once

#include "cuda/launch.h"
#include "cuda/math.h"
#include "kernels/operands.h"

namespace menet {

// Where the shuffle puts channel c; the identity for one group.
struct Shuffle {
  int64_t each;  // channels of a group
  int64_t groups;

  __host__ __device__ int64_t position(int64_t c) const { return c % each * groups + c / each; }
};

inline Shuffle unshuffled(int64_t channels) { return {channels, 1}; }

// Before relu and gate.
template <typename S>
__device__ Compute<S> normalized_at(const Source<S>& s, int64_t pixel, int64_t c) {
  const Compute<S> z = s.z[pixel * s.channels + c];
  return s.scale == nullptr ? z : (z - s.mean[c]) * s.scale[c] + s.offset[c];
}

template <typename S>
__device__ Compute<S> gate_at(const Source<S>& s, int64_t pixel, int64_t c) {
  const Compute<S> z = s.gate[pixel * s.channels + c];
  return 1 / (1 + exponential(-((z - s.gate_mean[c]) * s.gate_scale[c] + s.gate_offset[c])));
}

template <typename S>
__device__ Compute<S> read(const Source<S>& s, int64_t pixel, int64_t c) {
  Compute<S> a = normalized_at(s, pixel, c);
  if (s.relu && a < 0) a = 0;
  return s.gate == nullptr ? a : a * gate_at(s, pixel, c);
}

// da where it counts.
template <typename S>
__device__ Compute<S> masked_at(const Gradient<S>& g, int64_t pixel, int64_t c) {
  const int64_t i = pixel * g.da_stride + c;
  if (g.mask != nullptr && !(static_cast<Compute<S>>(g.mask[i]) > 0)) return 0;
  return g.da[i];
}

template <typename S>
__device__ Compute<S> read(const Gradient<S>& g, int64_t pixel, int64_t c) {
  const Compute<S> d = masked_at(g, pixel, c);
  if (g.scale == nullptr) return d;
  const Compute<S> z = g.z[pixel * g.channels + c];
  return d * g.scale[c] + (z - g.mean[c]) * g.slope[c] + g.constant[c];
}

// A pixel of N images of height x width, by its number.
struct MapPixel {
  int64_t n, y, x;
  __device__ MapPixel(int64_t pixel, int64_t height, int64_t width)
      : n(pixel / width / height), y(pixel / width % height), x(pixel % width) {}
};

// Input pixel under tap (ky, kx) of output pixel p, or -1 outside of the image.
__device__ inline int64_t input_under(const Map& map, const MapPixel& p, int64_t tap) {
  const int64_t y = p.y * map.stride + tap / 3 - 1, x = p.x * map.stride + tap % 3 - 1;
  if (y < 0 || y >= map.height || x < 0 || x >= map.width) return -1;
  return (p.n * map.height + y) * map.width + x;
}

// Output pixel whose tap lies on input pixel p, or -1 where there is none.
__device__ inline int64_t output_over(const Map& map, const MapPixel& p, int64_t tap) {
  const int64_t y = p.y + 1 - tap / 3, x = p.x + 1 - tap % 3;
  if (y < 0 || x < 0 || y % map.stride != 0 || x % map.stride != 0) return -1;
  const int64_t oy = y / map.stride, ox = x / map.stride;
  if (oy >= map.out_height || ox >= map.out_width) return -1;
  return (p.n * map.out_height + oy) * map.out_width + ox;
}

}  // namespace menet
