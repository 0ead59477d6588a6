// SoftmaxCrossEntropy and its gradient on CUDA, a block for each row. A label outside makes the
// loss NaN: finding it here would mean to wait for the GPU.
#include "cuda/block_sum.h"
#include "cuda/math.h"

namespace menet {

namespace {

constexpr int kThreads = 128;

struct Greater {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};

// What the rows are to be; `others` and `weights` are null where labels are not mixed.
template <typename T>
struct Targets {
  const int32_t* labels;
  const int32_t* others;
  const T* weights;
  double smoothing;

  __device__ double other_share(int64_t row) const {
    return others == nullptr ? 0.0 : static_cast<double>(weights[row]);
  }
  // The share of class k in a row of `classes`; NaN for a label outside.
  __device__ double share(int64_t row, int64_t k, int64_t classes) const {
    const double other = other_share(row);
    double share = smoothing / static_cast<double>(classes);
    if (labels[row] == k) share += (1 - smoothing) * (1 - other);
    if (others != nullptr && others[row] == k) share += (1 - smoothing) * other;
    return share;
  }
  __device__ bool valid(int64_t row, int64_t classes) const {
    const bool other = others == nullptr || (others[row] >= 0 && others[row] < classes);
    return labels[row] >= 0 && labels[row] < classes && other;
  }
};

// The row's maximum and the logarithm of the sum of exponentials above it, in every thread.
template <typename T>
__device__ void log_sum(const T* row, int64_t classes, T& greatest, double& log_sum) {
  greatest = row[0];
  for (int64_t k = threadIdx.x; k < classes; k += kThreads) greatest = Greater()(greatest, row[k]);
  greatest = block_reduce<kThreads>(greatest, Greater());
  double sum = 0;
  for (int64_t k = threadIdx.x; k < classes; k += kThreads) {
    sum += exponential(static_cast<double>(row[k] - greatest));
  }
  log_sum = logarithm(block_reduce<kThreads>(sum, Plus()));
}

constexpr double kNaN = __builtin_nan("");

template <typename T>
__global__ void row_losses(const T* logits, Targets<T> targets, int64_t rows, int64_t classes,
                           double* losses) {
  for (int64_t i = blockIdx.x; i < rows; i += gridDim.x) {
    const T* row = logits + i * classes;
    T greatest;
    double total;
    log_sum(row, classes, greatest, total);
    double expected = 0;
    for (int64_t k = threadIdx.x; k < classes; k += kThreads) {
      const double share = targets.share(i, k, classes);
      if (share != 0) expected += share * static_cast<double>(row[k] - greatest);
    }
    expected = block_reduce<kThreads>(expected, Plus());
    if (threadIdx.x == 0) losses[i] = targets.valid(i, classes) ? total - expected : kNaN;
  }
}

// One block.
template <typename T>
__global__ void mean_of(const double* losses, int64_t rows, T* loss) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < rows; i += kThreads) sum += losses[i];
  sum = block_reduce<kThreads>(sum, Plus());
  if (threadIdx.x == 0) *loss = static_cast<T>(sum / static_cast<double>(rows));
}

template <typename T>
__global__ void gradient(const T* dy, const T* logits, Targets<T> targets, int64_t rows,
                         int64_t classes, T* d) {
  const double scale = static_cast<double>(*dy) / static_cast<double>(rows);
  for (int64_t i = blockIdx.x; i < rows; i += gridDim.x) {
    const T* row = logits + i * classes;
    T greatest;
    double total;
    log_sum(row, classes, greatest, total);
    const bool valid = targets.valid(i, classes);
    for (int64_t k = threadIdx.x; k < classes; k += kThreads) {
      const double p = exponential(static_cast<double>(row[k] - greatest) - total);
      const double difference = p - targets.share(i, k, classes);
      d[i * classes + k] = static_cast<T>(valid ? difference * scale : kNaN);
    }
  }
}

template <typename T>
Targets<T> targets_of(const Call& call, size_t first) {
  const bool mixed = call.inputs.size() > first + 2;
  return {
      call.inputs[first + 1].as<int32_t>(), mixed ? call.inputs[first + 2].as<int32_t>() : nullptr,
      mixed ? call.inputs[first + 3].as<T>() : nullptr, call.attributes.number("labelSmoothing")};
}

Grid row_grid(int64_t rows) {
  return {dim3(static_cast<unsigned>(std::min(rows, kMostBlocks))), dim3(kThreads)};
}

template <typename T>
void run(Call& call) {
  const Tensor& logits = call.inputs[0];
  const int64_t rows = logits.dim(0);
  double* losses = call.scratch<double>(rows);
  launch(call, row_losses<T>, row_grid(rows), logits.as<T>(), targets_of<T>(call, 0), rows,
         logits.dim(1), losses);
  launch(call, mean_of<T>, row_grid(1), losses, rows, call.outputs[0].as<T>());
}

template <typename T>
void run_gradient(Call& call) {
  const Tensor& logits = call.inputs[1];
  launch(call, gradient<T>, row_grid(logits.dim(0)), call.inputs[0].as<T>(), logits.as<T>(),
         targets_of<T>(call, 1), logits.dim(0), logits.dim(1), call.outputs[0].as<T>());
}

const RegisterCuda ops[] = {
    {"SoftmaxCrossEntropy",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
     }},
    {"SoftmaxCrossEntropyGrad",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype,
                       [&](auto zero) { run_gradient<decltype(zero)>(call); });
     }},
};

}  // namespace

}  // namespace menet
