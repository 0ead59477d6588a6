// Mean softmax cross-entropy of logits [N, K] and labels [N] (int32).
//
//   SoftmaxCrossEntropy(logits, labels) -> loss []
//   SoftmaxCrossEntropyGrad(dy [], logits, labels) -> (softmax(logits) - onehot(labels)) dy / N
#include <algorithm>
#include <cmath>

#include "core/op.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

void check(const Call& call, size_t first) {
  call.expect_inputs(first + 2);
  call.expect_float(first, "logits");
  call.expect_rank(first, "logits", 2);
  call.expect_dtype(first + 1, "labels", DType::kInt32);
  call.expect_shape(first + 1, "labels", {call.inputs[first].dim(0)});
  call.expect(call.inputs[first].size() > 0, "logits: expected sizes above 0, got ",
              to_string(call.inputs[first].shape));
}

int64_t label_at(const Call& call, const Tensor& labels, int64_t row, int64_t classes) {
  const int32_t label = labels.as<int32_t>()[row];
  call.expect(label >= 0 && label < classes, "labels: expected 0 to ", classes - 1, ", got ", label,
              " at ", row);
  return label;
}

// The row's maximum and the logarithm of the sum of exponentials above it.
template <typename T>
struct LogSum {
  T maximum;
  double log_sum;

  explicit LogSum(const T* row, int64_t classes) : maximum(*std::max_element(row, row + classes)) {
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(row[k] - maximum));
    log_sum = std::log(sum);
  }
};

template <typename T>
void run_typed(Call& call) {
  const Tensor& logits = call.inputs[0];
  const int64_t classes = logits.dim(1);
  double total = 0;
  for (int64_t i = 0; i < logits.dim(0); ++i) {
    const T* row = logits.as<T>() + i * classes;
    const LogSum<T> sum(row, classes);
    const int64_t label = label_at(call, call.inputs[1], i, classes);
    total += sum.log_sum - static_cast<double>(row[label] - sum.maximum);
  }
  *call.outputs[0].as<T>() = static_cast<T>(total / static_cast<double>(logits.dim(0)));
}

template <typename T>
void run_gradient_typed(Call& call) {
  const Tensor& logits = call.inputs[1];
  const int64_t classes = logits.dim(1);
  const double scale = *call.inputs[0].as<T>() / static_cast<double>(logits.dim(0));
  parallel_for(logits.dim(0), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const T* row = logits.as<T>() + i * classes;
      T* d = call.outputs[0].as<T>() + i * classes;
      const LogSum<T> sum(row, classes);
      for (int64_t k = 0; k < classes; ++k) {
        d[k] = static_cast<T>(std::exp(static_cast<double>(row[k] - sum.maximum) - sum.log_sum) *
                              scale);
      }
      d[label_at(call, call.inputs[2], i, classes)] -= static_cast<T>(scale);
    }
  });
}

std::vector<TensorType> infer(const Call& call) {
  check(call, 0);
  return {{call.inputs[0].dtype, {}}};
}

std::vector<TensorType> infer_gradient(const Call& call) {
  check(call, 1);
  call.expect_shape(0, "dy", {});
  call.expect_dtype(0, "dy", call.inputs[1].dtype);
  return {call.inputs[1]};
}

const RegisterOp forward({"SoftmaxCrossEntropy", infer, [](Call& call) {
                            with_float_type(call.inputs[0].dtype,
                                            [&](auto t) { run_typed<decltype(t)>(call); });
                          }});
const RegisterOp gradient({"SoftmaxCrossEntropyGrad", infer_gradient, [](Call& call) {
                             with_float_type(call.inputs[0].dtype, [&](auto t) {
                               run_gradient_typed<decltype(t)>(call);
                             });
                           }});

}  // namespace

}  // namespace menet
