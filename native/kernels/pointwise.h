// Grouped 1×1 convolutions of a unit, forward and backward, as passes over tiles of
// pixels: batch norm, relu, gate and shuffle happen while a tile is read or written.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

constexpr int64_t kTileRows = 48;

// Pixels of a tile: every tile reads all weights, so it is larger where those fill a cache.
inline int64_t tile_rows(int64_t in, int64_t out, int64_t groups) {
  return in * out / groups < (1 << 18) ? kTileRows : 4 * kTileRows;
}

template <typename S>
struct PointwiseForward {
  using T = Compute<S>;
  Source<S> in;
  int64_t out_channels;
  int64_t groups;
  const T* weights;      // [groups][in/groups][pad(out/groups)]
  const int32_t* order;  // position of output channel c; null: c. Only without `residual`
  S* out;                // [P][out_stride]
  int64_t out_stride;
  // Join of an inference unit: relu((z - mean) * scale + offset + residual) instead of z.
  const T* out_mean;
  const T* out_scale;
  const T* out_offset;
  const S* residual;  // of stride out_stride; null: nothing is added
};

inline int64_t pointwise_forward_scratch(int64_t in, int64_t out, int64_t groups) {
  return tile_rows(in, out, groups) * (pad(in) + pad(out / groups)) + kPad;
}

template <typename S>
struct PointwiseBackward {
  using T = Compute<S>;
  Source<S> in;
  Gradient<S> out;  // channels in the weights' order
  int64_t groups;
  const T* weights;      // [groups][out/groups][pad(in/groups)]
  const int32_t* order;  // position of output channel c in out's tensors; null: c
  S* d_in;               // [P][in]: gradient of the normalised input before relu, or of a raw one
  S* d_gate;             // [P][in]: gradient of the normalised gate before the sigmoid
  bool accumulate;       // raw input: add to d_in
  const S* residual;     // raw input: adds residual where residual_mask > 0, both [P][in]
  const S* residual_mask;
};

inline int64_t pointwise_backward_scratch(int64_t in, int64_t out, int64_t groups) {
  const int64_t row = pad(in) + groups * pad(out / groups) + pad(in / groups);
  return tile_rows(in, out, groups) * row + 4 * pad(in) + kPad;
}

// Elements of a thread's accumulator of the weights' gradient:
// [groups][in/groups][pad(out/groups)].
inline int64_t pointwise_gradient_size(int64_t in, int64_t out, int64_t groups) {
  return in * pad(out / groups);
}

// Both compute pixels [begin, end). sums may be null: no statistics.
MENET_SIMD_DECLARE(template <typename S>
                   void pointwise_forward(const PointwiseForward<S>& args, int64_t begin,
                                          int64_t end, Sums<Compute<S>>* sums, Compute<S>* scratch);
                   template <typename S>
                   void pointwise_backward(const PointwiseBackward<S>& args, int64_t begin,
                                           int64_t end, Compute<S>* d_weights,
                                           Sums<Compute<S>>* sums, Sums<Compute<S>>* gate_sums,
                                           Compute<S>* scratch);)

}  // namespace menet
