// How the passes of a unit read and write each other's tensors. Batch norm is deferred:
// a convolution stores its raw output z, and whoever reads z normalises on load
// (docs/kernels.md). Plain structs, for *.simd.cc files too. S is what activations are stored as;
// coefficients are Compute<S>.
//
// P: pixels (N·H·W). Rows are dense unless a stride is given. Rows of weights and of
// scratch tiles are padded to a multiple of kPad.
#pragma once

#include <cstdint>

#include "core/half.h"

namespace menet {

constexpr int64_t kPad = 16;  // lanes of the widest vector of the narrowest type

// Rows that lie a multiple of a KiB apart share few sets of a cache, so there are none.
inline int64_t pad(int64_t n) {
  const int64_t padded = (n + kPad - 1) / kPad * kPad;
  return padded % 256 == 0 ? padded + kPad : padded;
}

// a = act((z - mean) * scale + offset), act being relu or nothing; scale null: a = z.
// With a gate: a * sigmoid((gate - gate_mean) * gate_scale + gate_offset). The mean is
// not folded into the offset: where it is large against the deviation that would round.
template <typename S>
struct Source {
  const S* z;
  int64_t channels;
  const Compute<S>* mean;
  const Compute<S>* scale;
  const Compute<S>* offset;
  bool relu;
  const S* gate;
  const Compute<S>* gate_mean;
  const Compute<S>* gate_scale;
  const Compute<S>* gate_offset;
};

// The gradient dz of a raw output z behind a batch norm, from da, the gradient of the
// normalised value: dz = da * scale + (z - mean) * slope + constant. Where `mask` is
// given, da counts only where mask > 0. scale null: dz = da, there is no batch norm.
template <typename S>
struct Gradient {
  const S* da;
  int64_t da_stride;
  const S* mask;  // of stride da_stride
  const S* z;
  int64_t channels;
  const Compute<S>* scale;
  const Compute<S>* slope;
  const Compute<S>* mean;
  const Compute<S>* constant;
};

// Per-channel sums of one thread, in double: of (z - shift) and its square for the
// statistics of z, or of da and da * (z - mean) for the gradients of a batch norm.
template <typename T>
struct Sums {
  T* shift;  // statistics alone: the mean of the thread's first tile
  double* first;
  double* second;
  int64_t count;
};

// A map of an N-image batch and its strided output: padding 1, window 3.
struct Map {
  int64_t height;
  int64_t width;
  int64_t stride;
  int64_t out_height;
  int64_t out_width;
};

}  // namespace menet
