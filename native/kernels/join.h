// Where a unit's branches meet, y = relu(bn(z) + x) or relu(concat(bn(z), average_pool(x))),
// and the stem's max pooling. Windows are 3×3 with padding 1.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

template <typename T>
struct Join {
  Source<T> in;       // bn(z)
  const T* residual;  // [P][y_stride]; null: none
  T* y;
  int64_t y_stride;
};

// Average pooling with stride 2 of x [N, height, width, channels], the padding counted,
// then relu, into channels of y that start at y.
template <typename T>
struct AveragePool {
  const T* x;
  int64_t channels;
  Map map;
  T* y;
  int64_t y_stride;
};

// Its gradient: d_x from dy where y > 0.
template <typename T>
struct AveragePoolGradient {
  const T* dy;
  const T* y;  // of stride y_stride, like dy
  int64_t y_stride;
  int64_t channels;
  Map map;
  T* d_x;
};

// y = max_pool(relu(bn(z))), stride 2.
template <typename T>
struct MaxPool {
  Source<T> in;
  Map map;
  T* y;
};

// d_in: gradient of bn(z) before relu; of equal maxima the first in row order counts.
template <typename T>
struct MaxPoolGradient {
  Source<T> in;
  Map map;
  const T* dy;
  T* d_in;
};

inline int64_t max_pool_gradient_scratch(int64_t channels) { return 2 * pad(channels); }

// Ranges: join pixels, average_pool output rows of N·out_height, its gradient input rows
// of N·height, max_pool output rows, its gradient images. gradient_sums adds da and
// da * (z - mean) over pixels.
MENET_SIMD_DECLARE(
    template <typename T> void join(const Join<T>& args, int64_t begin, int64_t end);
    template <typename T> void average_pool(const AveragePool<T>& args, int64_t begin, int64_t end);
    template <typename T>
    void average_pool_gradient(const AveragePoolGradient<T>& args, int64_t begin, int64_t end);
    template <typename T> void max_pool(const MaxPool<T>& args, int64_t begin, int64_t end);
    template <typename T> void max_pool_gradient(const MaxPoolGradient<T>& args, int64_t begin,
                                                 int64_t end, Sums<T>& sums, T* scratch);
    template <typename T>
    void gradient_sums(const Gradient<T>& gradient, int64_t begin, int64_t end, Sums<T>& sums);)

}  // namespace menet
