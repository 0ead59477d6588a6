// 3×3 depthwise convolution of a unit and its gradient, which takes in the merge
// branch: both read the same shuffled activations.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

constexpr int64_t kDepthwiseRows = 8;  // output rows, or input rows backward, at a time

template <typename S>
struct DepthwiseForward {
  Source<S> in;
  Map map;
  const Compute<S>* weights;  // [9][pad(channels)]
  S* out;
  int64_t first_row = 0;  // the output row that `out` begins with
};

inline int64_t depthwise_forward_scratch(const Map& map, int64_t channels) {
  const int64_t rows = (kDepthwiseRows - 1) * map.stride + 3;
  return (rows * (map.width + 2) + map.out_width) * pad(channels) + kPad;
}

template <typename S>
struct DepthwiseBackward {
  Source<S> in;
  Map map;
  Gradient<S> out;
  const Compute<S>* weights;  // [9][pad(channels)]
  // 1×1 merge to merge.channels; merge.da null where there is none
  Gradient<S> merge;
  const Compute<S>* merge_weights;  // [side][pad(channels)]
  S* d_in;  // [P][channels]: of the normalised input before relu, or of a raw one
};

// Backward, blocks of input rows are counted: ceil(height / kDepthwiseRows) per image.
inline int64_t depthwise_blocks(const Map& map) {
  return (map.height + kDepthwiseRows - 1) / kDepthwiseRows;
}

inline int64_t depthwise_backward_scratch(const Map& map, int64_t channels, int64_t side) {
  const int64_t in_rows = (kDepthwiseRows + 2) * (map.width + 2);
  const int64_t out_rows = (kDepthwiseRows + 2) * (map.out_width + 2);
  return (in_rows + out_rows + map.width + 2) * pad(channels) + map.width * pad(side) + kPad;
}

// Forward: output rows [begin, end) of N·out_height; sums may be null. Backward: blocks
// [begin, end) of N·depthwise_blocks; d_weights [9][pad(channels)] and d_merge
// [channels][pad(side)] are the thread's accumulators.
MENET_SIMD_DECLARE(template <typename S>
                   void depthwise_forward(const DepthwiseForward<S>& args, int64_t begin,
                                          int64_t end, Sums<Compute<S>>* sums, Compute<S>* scratch);
                   template <typename S>
                   void depthwise_backward(const DepthwiseBackward<S>& args, int64_t begin,
                                           int64_t end, Compute<S>* d_weights, Compute<S>* d_merge,
                                           Sums<Compute<S>>* sums, Compute<S>* scratch);)

}  // namespace menet
