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

// body(weight's index, g, k, n) for all elements.
template <typename Body>
void for_each_weight(const WeightLayout& w, const Body& body) {
  for (int64_t g = 0; g < w.groups; ++g) {
    for (int64_t k = 0; k < w.depth; ++k) {
      for (int64_t n = 0; n < w.channels; ++n) body(w.index(g, k, n), g, k, n);
    }
  }
}

// [groups][depth][pad(channels)]
template <typename T>
void pack(const WeightLayout& w, const T* weights, T* packed) {
  std::fill_n(packed, packed_size(w), T(0));
  for_each_weight(w, [&](int64_t i, int64_t g, int64_t k, int64_t n) {
    packed[(g * w.depth + k) * pad(w.channels) + n] = weights[i];
  });
}

// [groups][channels][pad(depth)]
template <typename T>
void pack_transposed(const WeightLayout& w, const T* weights, T* packed) {
  std::fill_n(packed, transposed_size(w), T(0));
  for_each_weight(w, [&](int64_t i, int64_t g, int64_t k, int64_t n) {
    packed[(g * w.channels + n) * pad(w.depth) + k] = weights[i];
  });
}

template <typename T>
void unpack(const WeightLayout& w, const T* packed, T* weights) {
  for_each_weight(w, [&](int64_t i, int64_t g, int64_t k, int64_t n) {
    weights[i] = packed[(g * w.depth + k) * pad(w.channels) + n];
  });
}

}  // namespace menet
