// Sum Mean Max Min Prod on CUDA. A block reduces a range of rows of [outer, count, inner]; where
// an output element has several ranges, a second pass takes their results in order.
#include <limits>

#include "cuda/block_sum.h"
#include "ops/number_type.h"
#include "ops/reduce_shape.h"

namespace menet {

namespace {

struct Sum {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
  __device__ int32_t operator()(int32_t a, int32_t b) const {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
  template <typename T>
  static T identity() {
    return 0;
  }
};
// NaN stays.
struct Max {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
  template <typename T>
  static T identity() {
    return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                       : std::numeric_limits<T>::min();
  }
};
struct Min {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return b < a || b != b ? b : a;
  }
  template <typename T>
  static T identity() {
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity()
                                       : std::numeric_limits<T>::max();
  }
};
struct Prod {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a * b;
  }
  __device__ int32_t operator()(int32_t a, int32_t b) const {
    return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  }
  template <typename T>
  static T identity() {
    return 1;
  }
};

constexpr int kThreads = 256;
constexpr int kColumns = 32;  // inner elements of a block
constexpr int kLines = kThreads / kColumns;

struct Ranges {
  int64_t count, inner;
  int64_t length;  // rows of a range
  int64_t ranges;  // of each outer index
};

// inner == 1: a block for each range, which lies in one piece.
template <typename F, typename X, typename T>
__global__ void reduce_rows(const X* x, T* y, Ranges r, T identity, T divisor) {
  const F f;
  const int64_t outer = blockIdx.x / r.ranges;
  const int64_t begin = blockIdx.x % r.ranges * r.length;
  const int64_t end = begin + r.length < r.count ? begin + r.length : r.count;
  T total = identity;
  for (int64_t k = begin + threadIdx.x; k < end; k += kThreads) {
    total = f(total, static_cast<T>(x[outer * r.count + k]));
  }
  total = block_reduce<kThreads>(total, f);
  if (threadIdx.x == 0) y[blockIdx.x] = total / divisor;
}

constexpr int64_t kShortRow = 8 * kWarp;

// inner == 1 and rows too short for a block: a warp for each.
template <typename F, typename X, typename T>
__global__ void reduce_short_rows(const X* x, T* y, int64_t rows, int64_t count, T identity,
                                  T divisor) {
  const F f;
  const int64_t warps = grid_step() / kWarp;
  for (int64_t row = grid_begin() / kWarp; row < rows; row += warps) {
    T total = identity;
    for (int64_t k = threadIdx.x % kWarp; k < count; k += kWarp) {
      total = f(total, static_cast<T>(x[row * count + k]));
    }
    total = warp_reduce(total, f);
    if (threadIdx.x % kWarp == 0) y[row] = total / divisor;
  }
}

// A block for each range of 32 neighbouring columns; lines of threads take turns with the rows.
template <typename F, typename X, typename T>
__global__ void reduce_columns(const X* x, T* y, Ranges r, T identity, T divisor) {
  MENET_SHARED(T, lines, kThreads);
  const F f;
  const int64_t column = blockIdx.y * int64_t{kColumns} + threadIdx.x % kColumns;
  const int line = static_cast<int>(threadIdx.x) / kColumns;
  const int64_t outer = blockIdx.x / r.ranges;
  const int64_t begin = blockIdx.x % r.ranges * r.length;
  const int64_t end = begin + r.length < r.count ? begin + r.length : r.count;
  T total = identity;
  if (column < r.inner) {
    for (int64_t k = begin + line; k < end; k += kLines) {
      total = f(total, static_cast<T>(x[(outer * r.count + k) * r.inner + column]));
    }
  }
  lines[threadIdx.x] = total;
  __syncthreads();
  if (line > 0 || column >= r.inner) return;
  for (int k = 1; k < kLines; ++k) {
    total = f(total, lines[k * kColumns + static_cast<int>(threadIdx.x)]);
  }
  y[blockIdx.x * r.inner + column] = total / divisor;
}

template <typename F, typename X, typename T>
void reduce_ranges(Call& call, int64_t outer, const Ranges& r, const X* x, T* y, T divisor) {
  const auto blocks = static_cast<unsigned>(outer * r.ranges);
  const T identity = F::template identity<T>();
  if (r.inner == 1 && r.ranges == 1 && r.count <= kShortRow) {
    launch(call, reduce_short_rows<F, X, T>, grid_for(outer * kWarp, kThreads), x, y, outer,
           r.count, identity, divisor);
  } else if (r.inner == 1) {
    launch(call, reduce_rows<F, X, T>, Grid{dim3(blocks), dim3(kThreads)}, x, y, r, identity,
           divisor);
  } else {
    const auto columns = static_cast<unsigned>(ceil_div(r.inner, kColumns));
    launch(call, reduce_columns<F, X, T>, Grid{dim3(blocks, columns), dim3(kThreads)}, x, y, r,
           identity, divisor);
  }
}

// Rows of a range: enough ranges to fill a GPU, each long enough to be worth a block.
int64_t range_length(const ReduceShape& shape) {
  const int64_t across = shape.inner == 1 ? 1 : ceil_div(shape.inner, kColumns);
  const int64_t shortest = shape.inner == 1 ? 16 * kThreads : 16 * kLines;
  const int64_t wanted =
      std::max<int64_t>(1, kMostBlocks / std::max<int64_t>(1, shape.outer * across));
  return std::max(shortest, ceil_div(shape.count, wanted));
}

template <typename F, typename X, typename T = Compute<X>>
void reduce(Call& call, bool mean) {
  const X* x = call.inputs[0].as<X>();
  T* y = call.outputs[0].as<T>();
  const ReduceShape shape = reduce_shape(call);
  const T divisor = mean ? static_cast<T>(shape.count) : T(1);
  const int64_t length = range_length(shape);
  const Ranges first{shape.count, shape.inner, length,
                     std::max<int64_t>(1, ceil_div(shape.count, length))};
  if (call.outputs[0].size() == 0) return;
  if (first.ranges == 1) return reduce_ranges<F>(call, shape.outer, first, x, y, divisor);
  T* partial = call.scratch<T>(shape.outer * first.ranges * shape.inner);
  reduce_ranges<F>(call, shape.outer, first, x, partial, T(1));
  const Ranges second{first.ranges, shape.inner, first.ranges, 1};
  reduce_ranges<F>(call, shape.outer, second, static_cast<const T*>(partial), y, divisor);
}

template <typename F>
void cuda(Call& call) {
  with_number_type(call.inputs[0].dtype,
                   [&](auto zero) { reduce<F, decltype(zero)>(call, false); });
}

const RegisterCuda reductions[] = {
    {"Sum", cuda<Sum>},
    {"Max", cuda<Max>},
    {"Min", cuda<Min>},
    {"Prod", cuda<Prod>},
    {"Mean",
     [](Call& call) {
       with_activation_type(call.inputs[0].dtype,
                            [&](auto zero) { reduce<Sum, decltype(zero)>(call, true); });
     }},
};

}  // namespace

}  // namespace menet
