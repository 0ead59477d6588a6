#include "cuda/block_sum.h"
#include "cuda/math.h"

namespace menet {

namespace {

constexpr int kThreads = 256;

struct Greater {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};

// A block for each row in turn.
template <typename T>
__global__ void softmax(const T* x, T* y, int64_t rows, int64_t n) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* from = x + row * n;
    T* to = y + row * n;
    T greatest = from[0];
    for (int64_t i = threadIdx.x; i < n; i += kThreads) greatest = Greater()(greatest, from[i]);
    greatest = block_reduce<kThreads>(greatest, Greater());
    T total = 0;
    for (int64_t i = threadIdx.x; i < n; i += kThreads) total += exponential(from[i] - greatest);
    total = block_reduce<kThreads>(total, Plus());
    for (int64_t i = threadIdx.x; i < n; i += kThreads) {
      to[i] = exponential(from[i] - greatest) / total;
    }
  }
}

const RegisterCuda softmax_op("Softmax", [](Call& call) {
  const Tensor& x = call.inputs[0];
  const int64_t n = x.shape.back();
  if (x.size() == 0) return;
  const int64_t rows = x.size() / n;
  const Grid grid{dim3(static_cast<unsigned>(std::min(rows, kMostBlocks))), dim3(kThreads)};
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(call, softmax<T>, grid, x.as<T>(), call.outputs[0].as<T>(), rows, n);
  });
});

}  // namespace

}  // namespace menet
