// Dense 3×3 convolution with padding 1 over few channels: the merge-evolve branch's
// and the stem's. A row of three taps is contiguous, so each is three products.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

// X and S: what input and output are stored as, X being S but for the stem's images.
template <typename X, typename S>
struct Conv3x3Forward {
  Source<X> in;
  Map map;
  int64_t out_channels;
  const Compute<S>* weights;  // [3][3 * in][pad(out)]
  S* out;
};

inline int64_t conv3x3_forward_scratch(const Map& map, int64_t in, int64_t out) {
  return pad(3 * (map.width + 2) * in) + kPad + map.out_width * pad(out);
}

template <typename X, typename S>
struct Conv3x3Backward {
  Source<X> in;
  Map map;
  Gradient<S> out;
  const Compute<S>* weights;  // [3][out][pad(3 * in)]
  X* d_in;                    // null: not wanted
};

inline int64_t conv3x3_backward_scratch(const Map& map, int64_t in, int64_t out) {
  return 2 * (pad((map.height + 2) * (map.width + 2) * in) + kPad) +
         map.out_width * (pad(out) + pad(3 * in)) + 2 * pad(in);
}

// Forward: output rows [begin, end) of N·out_height; sums may be null. Backward: images
// [begin, end); d_weights [3][3 * in][pad(out)] is the thread's accumulator.
MENET_SIMD_DECLARE(template <typename X, typename S>
                   void conv3x3_forward(const Conv3x3Forward<X, S>& args, int64_t begin,
                                        int64_t end, Sums<Compute<S>>* sums, Compute<S>* scratch);
                   template <typename X, typename S>
                   void conv3x3_backward(const Conv3x3Backward<X, S>& args, int64_t begin,
                                         int64_t end, Compute<S>* d_weights, Sums<Compute<S>>* sums,
                                         Compute<S>* scratch);)

}  // namespace menet
