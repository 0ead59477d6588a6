// Weights in the layouts that the kernels read, rows padded with zeros, and gradients back.
#pragma once

#include "kernels/pass.h"

namespace menet {

// How a matrix of groups lies in a weight tensor: element (g, k, n), k being one of
// `depth` inputs and n one of `channels` outputs of a group.
struct WeightLayout {
  int64_t groups;
  int64_t depth;
  int64_t channels;
  int64_t index(int64_t g, int64_t k, int64_t n) const {
    return k * groups * channels + g * channels + n;
  }
};

inline int64_t packed_size(const WeightLayout& w) { return w.groups * w.depth * pad(w.channels); }
inline int64_t transposed_size(const WeightLayout& w) {
  return w.groups * w.channels * pad(w.depth);
}

// body(a row's first weight, g, k) for the rows of `channels` weights that are contiguous.
template <typename Body>
void for_each_row(const WeightLayout& w, const Body& body) {
  for (int64_t k = 0; k < w.depth; ++k) {
    for (int64_t g = 0; g < w.groups; ++g) body(w.index(g, k, 0), g, k);
  }
}

// [groups][depth][pad(channels)]
template <typename T>
void pack(const WeightLayout& w, const T* weights, T* packed) {
  for_each_row(w, [&](int64_t i, int64_t g, int64_t k) {
    T* row = packed + (g * w.depth + k) * pad(w.channels);
    std::fill(std::copy_n(weights + i, w.channels, row), row + pad(w.channels), T(0));
  });
}

// [groups][channels][pad(depth)]
template <typename T>
void pack_transposed(const WeightLayout& w, const T* weights, T* packed) {
  std::fill_n(packed, transposed_size(w), T(0));
  constexpr int64_t kBlock = 16;  // rows whose cache lines are written together
  for (int64_t g = 0; g < w.groups; ++g) {
    for (int64_t top = 0; top < w.depth; top += kBlock) {
      const int64_t bottom = std::min(top + kBlock, w.depth);
      for (int64_t n = 0; n < w.channels; ++n) {
        T* row = packed + (g * w.channels + n) * pad(w.depth);
        for (int64_t k = top; k < bottom; ++k) row[k] = weights[w.index(g, k, n)];
      }
    }
  }
}

template <typename T>
void unpack(const WeightLayout& w, const T* packed, T* weights) {
  for_each_row(w, [&](int64_t i, int64_t g, int64_t k) {
    std::copy_n(packed + (g * w.depth + k) * pad(w.channels), w.channels, weights + i);
  });
}

}  // namespace menet
