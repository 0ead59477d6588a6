// Where a unit's branches meet, y = relu(bn(z) + x) or relu(concat(bn(z), average_pool(x))),
// and the stem's max pooling. Windows are 3×3 with padding 1.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

template <typename S>
struct Join {
  Source<S> in;       // bn(z)
  const S* residual;  // [P][y_stride]; null: none
  S* y;
  int64_t y_stride;
};

// Average pooling with stride 2 of x [N, height, width, channels], the padding counted,
// then relu, into channels of y that start at y.
template <typename S>
struct AveragePool {
  const S* x;
  int64_t channels;
  Map map;
  S* y;
  int64_t y_stride;
};

// Its gradient: d_x from dy where y > 0.
template <typename S>
struct AveragePoolGradient {
  const S* dy;
  const S* y;  // of stride y_stride, like dy
  int64_t y_stride;
  int64_t channels;
  Map map;
  S* d_x;
};

// y = max_pool(relu(bn(z))), stride 2.
template <typename S>
struct MaxPool {
  Source<S> in;
  Map map;
  S* y;
};

// d_in: gradient of bn(z) before relu; of equal maxima the first in row order counts.
template <typename S>
struct MaxPoolGradient {
  Source<S> in;
  Map map;
  const S* dy;
  S* d_in;
};

// An image's gradient is added up in float where S is a 16-bit type.
template <typename S>
int64_t max_pool_gradient_scratch(const Map& map, int64_t channels) {
  const bool rounds = sizeof(S) < sizeof(Compute<S>);
  return 2 * pad(channels) + (rounds ? map.height * map.width * channels : 0);
}

// Ranges: join pixels, average_pool output rows of N·out_height, its gradient input rows
// of N·height, max_pool output rows, its gradient images. gradient_sums adds da and
// da * (z - mean) over pixels.
MENET_SIMD_DECLARE(
    template <typename S> void join(const Join<S>& args, int64_t begin, int64_t end);
    template <typename S> void average_pool(const AveragePool<S>& args, int64_t begin, int64_t end);
    template <typename S>
    void average_pool_gradient(const AveragePoolGradient<S>& args, int64_t begin, int64_t end);
    template <typename S> void max_pool(const MaxPool<S>& args, int64_t begin, int64_t end);
    template <typename S>
    void max_pool_gradient(const MaxPoolGradient<S>& args, int64_t begin, int64_t end,
                           Sums<Compute<S>>& sums, Compute<S>* scratch);
    template <typename S> void gradient_sums(const Gradient<S>& gradient, int64_t begin,
                                             int64_t end, Sums<Compute<S>>& sums);)

}  // namespace menet
