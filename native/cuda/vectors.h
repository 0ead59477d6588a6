// Vectors of neighbouring elements between memory and registers, and the walk of flat tensors that
// map kernels share.
#pragma once

#include <algorithm>

#include "cuda/launch.h"

namespace menet {

constexpr int kVectorBytes = 16;
constexpr int kVectorThreads = 256;  // of a block

template <typename S, int kCount>
struct alignas(kCount * sizeof(S)) Vector {
  S of[kCount];
};

// Whether vectors of `each` elements begin where the hardware wants them, counted from p.
template <typename S>
bool begins_aligned(const S* p, int each) {
  return reinterpret_cast<uintptr_t>(p) % (static_cast<size_t>(each) * sizeof(S)) == 0;
}

// The `count` elements at p + at, at once where they are `whole`, and zeros behind them.
template <int kEach, typename S>
__device__ Vector<S, kEach> load_vector(const S* p, int64_t at, int count, bool whole) {
  if (whole) return *reinterpret_cast<const Vector<S, kEach>*>(p + at);
  Vector<S, kEach> v;
#pragma unroll
  for (int k = 0; k < kEach; ++k) v.of[k] = k < count ? p[at + k] : static_cast<S>(0.0f);
  return v;
}

template <int kEach, typename S>
__device__ void store_vector(S* p, int64_t at, const Vector<S, kEach>& v, int count, bool whole) {
  if (whole) {
    *reinterpret_cast<Vector<S, kEach>*>(p + at) = v;
    return;
  }
#pragma unroll
  for (int k = 0; k < kEach; ++k) {
    if (k < count) p[at + k] = v.of[k];
  }
}

// body(first, count, whole) for the vectors of n elements.
template <int kEach, typename Body>
__device__ void for_each_flat(int64_t n, bool aligned, const Body& body) {
  for (int64_t at = grid_begin() * kEach; at < n; at += grid_step() * kEach) {
    const int64_t left = n - at;
    const int count = left < kEach ? static_cast<int>(left) : kEach;
    body(at, count, aligned && count == kEach);
  }
}

template <int kEach, typename F, typename Y, typename... X>
__global__ void __launch_bounds__(kVectorThreads)
    map_flat(F f, int64_t n, bool aligned, Y* y, const X*... x) {
  for_each_flat<kEach>(n, aligned, [&](int64_t at, int count, bool whole) {
    const auto apply = [&](const auto&... loaded) {
      Vector<Y, kEach> result;
#pragma unroll
      for (int k = 0; k < kEach; ++k) result.of[k] = f(loaded.of[k]...);
      store_vector(y, at, result, count, whole);
    };
    apply(load_vector<kEach>(x, at, count, whole)...);
  });
}

// y[i] = f(x[i]...), 16 bytes of the widest of the tensors at a time. y may be one of x.
template <typename F, typename Y, typename... X>
void launch_flat(const Call& call, const F& f, int64_t n, Y* y, const X*... x) {
  constexpr int kWidest = static_cast<int>(std::max({sizeof(Y), sizeof(X)...}));
  constexpr int kEach = kVectorBytes / kWidest;
  const bool aligned = begins_aligned(y, kEach) && (begins_aligned(x, kEach) && ...);
  launch(call, map_flat<kEach, F, Y, X...>, grid_for(ceil_div(n, kEach), kVectorThreads), f, n,
         aligned, y, x...);
}

}  // namespace menet
