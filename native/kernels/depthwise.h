// 3×3 depthwise convolution of a unit and its gradient, which takes in the merge
// branch: both read the same shuffled activations.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

constexpr int64_t kDepthwiseRows = 8;  // output rows, or input rows backward, at a time

template <typename T>
struct DepthwiseForward {
  Source<T> in;
  Map map;
  const T* weights;  // [9][pad(channels)]
  T* out;
  int64_t first_row = 0;  // the output row that `out` begins with
};

inline int64_t depthwise_forward_scratch(const Map& map, int64_t channels) {
  const int64_t rows = (kDepthwiseRows - 1) * map.stride + 3;
  return (rows * (map.width + 2) + map.out_width) * pad(channels) + kPad;
}

template <typename T>
struct DepthwiseBackward {
  Source<T> in;
  Map map;
  Gradient<T> out;
  const T* weights;  // [9][pad(channels)]
  // 1×1 merge to merge.channels; merge.da null where there is none
  Gradient<T> merge;
  const T* merge_weights;  // [side][pad(channels)]
  T* d_in;                 // [P][channels]: of the normalised input before relu, or of a raw one
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
MENET_SIMD_DECLARE(template <typename T>
                   void depthwise_forward(const DepthwiseForward<T>& args, int64_t begin,
                                          int64_t end, Sums<T>* sums, T* scratch);
                   template <typename T>
                   void depthwise_backward(const DepthwiseBackward<T>& args, int64_t begin,
                                           int64_t end, T* d_weights, T* d_merge, Sums<T>* sums,
                                           T* scratch);)

}  // namespace menet
