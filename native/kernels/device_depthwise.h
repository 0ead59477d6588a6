// Depthwise 3x3 convolution on a GPU, forward and back.
#pragma once

#include "kernels/device_batch_norm.h"

namespace menet {

// z = the convolution of `in` with weights [9][channels]. Leaves its moments where `moments` has
// room for them (make_tile_sums of z's pixels).
template <typename S>
void depthwise_forward(Call& call, const Source<S>& in, const Map& map, int64_t images,
                       const Compute<S>* weights, S* z, TileSums<Compute<S>>& moments);

// dz of the convolution's output back to `in`, and what a 1x1 merge branch from there adds.
template <typename S>
struct DepthwiseBackward {
  using T = Compute<S>;
  Source<S> in;
  Gradient<S> dz;
  const T* weights;
  Gradient<S> merge;
  const T* merge_weights;  // [channels][side]
  int64_t side;            // 0: no branch
  S* d_in;                 // of the normalised input before relu, or of a raw one
  T* d_weights;
};

// All of it in one pass. `sums` gets those of d_in where it has room for them.
template <typename S>
void depthwise_backward(Call& call, const DepthwiseBackward<S>& pass, const Map& map,
                        int64_t images, TileSums<Compute<S>>& sums);

}  // namespace menet
