// GradientNorm on CUDA: blocks sum squares in double, and one block adds them up in order.
#include "cuda/block_sum.h"
#include "cuda/math.h"
#include "cuda/tensor_lists.h"

namespace menet {

namespace {

constexpr int kThreads = 256;
constexpr int kBlocks = 256;  // of a launch, each with a partial sum

template <typename T>
__global__ void sum_squares(const __grid_constant__ TensorLists<T, 1> lists, double* partials) {
  constexpr int kEach = TensorLists<T, 1>::kEach;
  double sum = 0;
  lists.for_each_vector(
      grid_begin(), grid_step(), [&](int tensor, int64_t at, int count, bool whole) {
        const auto values = load_vector<kEach>(lists.of[0][tensor], at, count, whole);
#pragma unroll
        for (int k = 0; k < kEach; ++k) {
          const double value = static_cast<double>(values.of[k]);
          sum += value * value;
        }
      });
  sum = block_reduce<kThreads>(sum, Plus());
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

template <typename T>
__global__ void norm_of(const double* partials, int64_t count, T* norm) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum += partials[i];
  sum = block_reduce<kThreads>(sum, Plus());
  if (threadIdx.x == 0) *norm = static_cast<T>(root(sum));
}

template <typename T>
void run(Call& call) {
  const int64_t launches = ceil_div(static_cast<int64_t>(call.inputs.size()), kListLength);
  double* partials = call.scratch<double>(launches * kBlocks);
  double* next = partials;
  for_tensor_lists<T, 1>(call, [&](const TensorLists<T, 1>& lists) {
    launch(call, sum_squares<T>, Grid{dim3(kBlocks), dim3(kThreads)}, lists, next);
    next += kBlocks;
  });
  launch(call, norm_of<T>, Grid{dim3(1), dim3(kThreads)}, partials, launches * kBlocks,
         call.outputs[0].as<T>());
}

const RegisterCuda gradient_norm("GradientNorm", [](Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
