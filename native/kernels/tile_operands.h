// A block's tiles between global memory, where rows are dense, and shared memory, where groups are
// padded: copies in the longest vectors that the rows allow, and normalisation on the way from one
// tile to the other, a thread keeping the coefficients of its channel.
#pragma once

#include "cuda/async_copy.h"
#include "kernels/device_operands.h"
#include "kernels/product_plan.h"

namespace menet {

// body(row, first element) for every vector of `each` elements; a thread divides but once.
template <typename Body>
__device__ void for_each_vector(int rows, int count, int each, const Body& body) {
  const int vectors = count / each, down = kProductThreads / vectors;
  int row = static_cast<int>(threadIdx.x) / vectors;
  int v = static_cast<int>(threadIdx.x) - row * vectors;
  while (row < rows) {
    body(row, v * each);
    row += down;
    v += kProductThreads - down * vectors;
    if (v >= vectors) {
      v -= vectors;
      ++row;
    }
  }
}

// Rows of `count` elements that lie `stride` apart in memory, and densely in shared memory.
template <typename S>
struct TileRows {
  int64_t stride;
  int rows;
  int count;

  // Rows without gaps are one.
  __device__ TileRows(int64_t stride, int rows, int count)
      : stride(stride),
        rows(stride == count ? 1 : rows),
        count(stride == count ? rows * count : count) {}
  // The longest vector, in bytes, that all rows begin and end with; `others` are tensors'
  // addresses.
  __device__ int vector(const S* global, uintptr_t others = 0) const {
    const auto bits = static_cast<unsigned>(reinterpret_cast<uintptr_t>(global) | others) |
                      static_cast<unsigned>(count * sizeof(S)) |
                      (rows > 1 ? static_cast<unsigned>(stride * sizeof(S)) : 0u);
    return bits % 16 == 0 ? 16 : bits % 8 == 0 ? 8 : bits % 4 == 0 ? 4 : 2;
  }
};

template <int kBytes, typename S>
__device__ void start_rows(S* to, const S* from, const TileRows<S>& r) {
  constexpr int kEach = kBytes / static_cast<int>(sizeof(S));
  if constexpr (kEach > 0) {
    for_each_vector(r.rows, r.count, kEach, [&](int row, int e) {
      start_copy<kBytes>(to + row * r.count + e, from + row * r.stride + e);
    });
  }
}

// Starts to copy rows to shared memory.
template <typename S>
__device__ void load_rows(S* to, const S* from, const TileRows<S>& r) {
  switch (r.vector(from)) {
    case 16:
      return start_rows<16>(to, from, r);
    case 8:
      return start_rows<8>(to, from, r);
    case 4:
      return start_rows<4>(to, from, r);
    default:
      for_each_vector(r.rows, r.count, 1,
                      [&](int row, int e) { to[row * r.count + e] = from[row * r.stride + e]; });
  }
}

// What a result is combined with on its way to memory, at the same place: an earlier result, a
// residual, where its mask is above zero if it has one. relu: of the sum.
template <typename S>
struct Residual {
  const S* earlier;
  const S* values;
  const S* mask;
  bool relu;
};

template <typename S, int kCount>
struct alignas(kCount * sizeof(S)) Elements {
  S of[kCount];
};

template <int kBytes, typename S>
__device__ void store_vectors(S* to, const S* from, const TileRows<S>& r,
                              const Residual<S>& residual, int64_t at) {
  constexpr int kEach = kBytes / static_cast<int>(sizeof(S));
  if constexpr (kEach > 0) {
    using T = Compute<S>;
    using Vector = Elements<S, kEach>;
    const auto read = [](const S* p) { return *reinterpret_cast<const Vector*>(p); };
    for_each_vector(r.rows, r.count, kEach, [&](int row, int e) {
      const int64_t i = at + row * r.stride + e;
      Vector v = read(from + row * r.count + e);
      Vector earlier{}, values{}, mask{};
      if (residual.earlier != nullptr) earlier = read(residual.earlier + i);
      if (residual.values != nullptr) values = read(residual.values + i);
      if (residual.mask != nullptr) mask = read(residual.mask + i);
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        T sum = static_cast<T>(v.of[k]);
        if (residual.earlier != nullptr) sum += static_cast<T>(earlier.of[k]);
        if (residual.values != nullptr &&
            (residual.mask == nullptr || static_cast<T>(mask.of[k]) > 0)) {
          sum += static_cast<T>(values.of[k]);
        }
        v.of[k] = static_cast<S>(residual.relu && !(sum > 0) ? T(0) : sum);
      }
      *reinterpret_cast<Vector*>(to + i) = v;
    });
  }
}

// Stores rows from shared memory at to + at; the residual lies at the same distance.
template <typename S>
__device__ void store_rows(S* to, int64_t at, const S* from, const TileRows<S>& r,
                           const Residual<S>& residual) {
  const uintptr_t others = reinterpret_cast<uintptr_t>(residual.earlier) |
                           reinterpret_cast<uintptr_t>(residual.values) |
                           reinterpret_cast<uintptr_t>(residual.mask);
  switch (r.vector(to + at, others)) {
    case 16:
      return store_vectors<16>(to, from, r, residual, at);
    case 8:
      return store_vectors<8>(to, from, r, residual, at);
    case 4:
      return store_vectors<4>(to, from, r, residual, at);
    default:
      return store_vectors<2>(to, from, r, residual, at);
  }
}

// tile[row][column(c)] = value(c)(row) for `count` channels, zero from row `valid` on.
// make(c): what a thread keeps of a channel, with its `column` in the tile, or -1 for none.
template <typename S, typename Make>
__device__ void form_tile(S* tile, int stride, int rows, int valid, int count, const Make& make) {
  const int width = count < kProductThreads ? count : kProductThreads;
  const int lines = kProductThreads / width;
  const int line = static_cast<int>(threadIdx.x) / width;
  if (line >= lines) return;
  for (int c = static_cast<int>(threadIdx.x) - line * width; c < count; c += width) {
    const auto channel = make(c);
    if (channel.column < 0) continue;
#pragma unroll 4
    for (int row = line; row < rows; row += lines) {
      tile[row * stride + channel.column] =
          row < valid ? static_cast<S>(channel(row * count + c)) : static_cast<S>(0.0f);
    }
  }
}

// As exact as what it is stored as.
template <typename S>
__device__ Compute<S> logistic(Compute<S> x) {
  if constexpr (sizeof(S) == 2) {
    return __fdividef(1.0f, 1.0f + __expf(-x));
  } else {
    return 1 / (1 + exponential(-x));
  }
}

// A channel of a Source whose rows lie in shared memory.
template <typename S>
struct SourceChannel {
  using T = Compute<S>;
  const S *z, *gate;
  int column;
  bool normal, relu;
  T mean = 0, scale = 1, offset = 0, gate_mean = 0, gate_scale = 0, gate_offset = 0;

  __device__ SourceChannel(const Source<S>& in, const S* z, const S* gate, int64_t c, int column)
      : z(z),
        gate(in.gate == nullptr ? nullptr : gate),
        column(column),
        normal(in.scale != nullptr),
        relu(in.relu) {
    if (normal) {
      mean = in.mean[c];
      scale = in.scale[c];
      offset = in.offset[c];
    }
    if (in.gate != nullptr) {
      gate_mean = in.gate_mean[c];
      gate_scale = in.gate_scale[c];
      gate_offset = in.gate_offset[c];
    }
  }
  __device__ T normalized(int i) const {
    const T v = static_cast<T>(z[i]);
    return normal ? (v - mean) * scale + offset : v;
  }
  __device__ T open(int i) const {
    const T v = (static_cast<T>(gate[i]) - gate_mean) * gate_scale + gate_offset;
    return logistic<S>(v);
  }
  __device__ T operator()(int i) const {
    T a = normalized(i);
    if (relu && a < 0) a = 0;
    return gate == nullptr ? a : a * open(i);
  }
};

// A channel of a Gradient whose rows lie in shared memory.
template <typename S>
struct GradientChannel {
  using T = Compute<S>;
  const S *da, *mask, *z;
  int column;
  bool normal;
  T scale = 1, slope = 0, mean = 0, constant = 0;

  __device__ GradientChannel(const Gradient<S>& g, const S* da, const S* mask, const S* z,
                             int64_t c, int column)
      : da(da),
        mask(g.mask == nullptr ? nullptr : mask),
        z(z),
        column(column),
        normal(g.scale != nullptr) {
    if (column < 0 || !normal) return;
    scale = g.scale[c];
    slope = g.slope[c];
    mean = g.mean[c];
    constant = g.constant[c];
  }
  __device__ T operator()(int i) const {
    const T d = mask == nullptr || static_cast<T>(mask[i]) > 0 ? static_cast<T>(da[i]) : T(0);
    return normal ? d * scale + (static_cast<T>(z[i]) - mean) * slope + constant : d;
  }
};

}  // namespace menet
