// Rows of tensors into padded scratch tiles and sums over them, for *.simd.cc files alone.
#pragma once

#include "kernels/operands.h"
#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

// What the source's reader sees, for one vector of channels c of pixel p.
template <typename S, typename Width, typename T = Compute<S>>
inline Vector<T> read(const Source<S>& s, int64_t p, int64_t c, Width width) {
  Vector<T> a = load(s.z + p * s.channels + c, width);
  if (s.scale != nullptr) {
    a = (a - load(s.mean + c, width)) * load(s.scale + c, width) + load(s.offset + c, width);
  }
  return s.relu ? relu<T>(a) : a;
}

template <typename S, typename Width, typename T = Compute<S>>
inline Vector<T> read_gate(const Source<S>& s, int64_t p, int64_t c, Width width) {
  const Vector<T> e = load(s.gate + p * s.channels + c, width) - load(s.gate_mean + c, width);
  return sigmoid<T>(e * load(s.gate_scale + c, width) + load(s.gate_offset + c, width));
}

template <typename S, typename Width, typename T = Compute<S>>
inline Vector<T> read(const Gradient<S>& g, int64_t p, int64_t c, Width width) {
  Vector<T> da = load(g.da + p * g.da_stride + c, width);
  if (g.mask != nullptr) {
    da = load(g.mask + p * g.da_stride + c, width) > 0 ? da : Vector<T>{};
  }
  if (g.scale == nullptr) return da;
  const Vector<T> z = load(g.z + p * g.channels + c, width);
  return da * load(g.scale + c, width) + (z - load(g.mean + c, width)) * load(g.slope + c, width) +
         load(g.constant + c, width);
}

// Pixels [begin, begin + rows) into a tile with rows of `stride` elements. Full vectors
// are stored: what lies behind the channels of a row is overwritten.
template <typename T, typename Operand>
inline void read_rows(const Operand& operand, int64_t begin, int64_t rows, T* tile,
                      int64_t stride) {
  for (int64_t p = 0; p < rows; ++p) {
    for_vectors<T>(operand.channels, [&](int64_t c, auto width) {
      store(tile + p * stride + c, read(operand, begin + p, c, width));
    });
  }
}

// One image row y of a map into [width + 2] pixels of `stride` elements with a zero
// pixel at each end; a row outside the image is zero.
template <typename T, typename Operand>
inline void read_padded_row(const Operand& operand, int64_t image, int64_t y, int64_t height,
                            int64_t width, T* row, int64_t stride) {
  if (y < 0 || y >= height) {
    __builtin_memset(row, 0, static_cast<size_t>((width + 2) * stride) * sizeof(T));
    return;
  }
  __builtin_memset(row, 0, static_cast<size_t>(stride) * sizeof(T));
  read_rows(operand, (image * height + y) * width, width, row + stride, stride);
  __builtin_memset(row + (width + 1) * stride, 0, static_cast<size_t>(stride) * sizeof(T));
}

// Stores v and returns what its readers will find, which is what sums are taken of: a batch norm's
// statistics and coefficients then fit the tensor, however few pixels it has.
template <typename S, typename Width>
inline Vector<Compute<S>> store_rounded(S* p, Vector<Compute<S>> v, Width width) {
  if constexpr (kIsHalf<S>) {
    const Halves bits = HalfFormat<S>::narrow(v);
    store_bits(p, bits, width);
    return HalfFormat<S>::widen(bits);
  } else {
    store(p, v, width);
    return v;
  }
}

// Tile rows [rows][stride] to rows of `out_stride` elements; the tile keeps what is stored.
template <typename S, typename T = Compute<S>>
inline void write_rows(T* tile, int64_t rows, int64_t stride, int64_t channels, S* out,
                       int64_t out_stride) {
  for (int64_t p = 0; p < rows; ++p) {
    for_vectors<T>(channels, [&](int64_t c, auto width) {
      T* at = tile + p * stride + c;
      const Vector<T> stored = store_rounded(out + p * out_stride + c, load(at), width);
      if constexpr (kIsHalf<S>) store(at, stored);
    });
  }
}

template <typename V>
inline void add_lanes(V v, double* sums, Whole) {
  for (unsigned i = 0; i < sizeof(V) / sizeof(v[0]); ++i) sums[i] += static_cast<double>(v[i]);
}

template <typename V>
inline void add_lanes(V v, double* sums, Part part) {
  for (int i = 0; i < part.count; ++i) sums[i] += static_cast<double>(v[i]);
}

// Adds a tile's columns [0, channels) to the statistics of channels from `offset`.
template <typename S, typename T>
inline void add_moments(const S* tile, int64_t rows, int64_t stride, int64_t channels,
                        int64_t offset, Sums<T>& sums) {
  for_vectors<T>(channels, [&](int64_t c, auto width) {
    T* shift_at = sums.shift + offset + c;
    if (sums.count == 0) {
      Vector<T> total = {};
      for (int64_t p = 0; p < rows; ++p) total += load(tile + p * stride + c, width);
      store(shift_at, total / static_cast<T>(rows), width);
    }
    const Vector<T> shift = load(shift_at, width);
    Vector<T> first = {};
    Vector<T> second = {};
    for (int64_t p = 0; p < rows; ++p) {
      const Vector<T> d = load(tile + p * stride + c, width) - shift;
      first += d;
      second += d * d;
    }
    add_lanes(first, sums.first + offset + c, width);
    add_lanes(second, sums.second + offset + c, width);
  });
}

// Gradient sums of a block, kept in the tensor's type ([2][pad(channels)]) and added
// to the thread's doubles once per block.
template <typename T>
struct BlockSums {
  T* first;
  T* second;

  void clear(int64_t channels) const {
    __builtin_memset(first, 0, static_cast<size_t>(pad(channels)) * sizeof(T));
    __builtin_memset(second, 0, static_cast<size_t>(pad(channels)) * sizeof(T));
  }
  template <typename Width>
  void add(int64_t c, Vector<T> da, Vector<T> z, const T* mean, Width width) const {
    store(first + c, load(first + c, width) + da, width);
    store(second + c, load(second + c, width) + da * (z - load(mean + c, width)), width);
  }
  void flush(int64_t channels, Sums<T>& sums) const {
    for (int64_t c = 0; c < channels; ++c) {
      sums.first[c] += static_cast<double>(first[c]);
      sums.second[c] += static_cast<double>(second[c]);
    }
  }
};

}  // namespace MENET_ISA
}  // namespace menet
