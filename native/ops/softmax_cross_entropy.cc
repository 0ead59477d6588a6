// Mean softmax cross-entropy of logits [N, K] with targets made of labels [N] (int32):
//   t = (1 - s) ((1 - w) onehot(labels) + w onehot(others)) + s / K,  s the label smoothing;
// without `others` [N] (int32) and their weights w [N], w = 0.
//
//   SoftmaxCrossEntropy(logits, labels[, others, weights]; labelSmoothing)
//     -> loss [], the mean of -sum_k t_k log softmax(logits)_k
//   SoftmaxCrossEntropyGrad(dy [], logits, labels[, others, weights]; labelSmoothing)
//     -> (softmax(logits) - t) dy / N
#include <algorithm>
#include <cmath>

#include "core/op.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

void check(const Call& call, size_t first) {
  const bool mixed = call.inputs.size() > first + 2;
  call.expect_inputs(mixed ? first + 4 : first + 2);
  call.expect_float(first, "logits");
  call.expect_rank(first, "logits", 2);
  const Tensor& logits = call.inputs[first];
  call.expect(logits.size() > 0, "logits: expected sizes above 0, got ", to_string(logits.shape));
  call.expect_dtype(first + 1, "labels", DType::kInt32);
  call.expect_shape(first + 1, "labels", {logits.dim(0)});
  if (mixed) {
    call.expect_dtype(first + 2, "others", DType::kInt32);
    call.expect_shape(first + 2, "others", {logits.dim(0)});
    call.expect_dtype(first + 3, "weights", logits.dtype);
    call.expect_shape(first + 3, "weights", {logits.dim(0)});
  }
  const double smoothing = call.attributes.number("labelSmoothing");
  call.expect(smoothing >= 0 && smoothing <= 1, "labelSmoothing: expected 0 to 1, got ", smoothing);
}

// What the rows are to be: their labels with the labels' shares, and a share of every class.
template <typename T>
class Targets {
 public:
  Targets(const Call& call, size_t first)
      : call_(call),
        labels_(call.inputs[first + 1]),
        others_(call.inputs.size() > first + 2 ? &call.inputs[first + 2] : nullptr),
        weights_(others_ ? call.inputs[first + 3].as<T>() : nullptr),
        classes_(call.inputs[first].dim(1)),
        smoothing_(call.attributes.number("labelSmoothing")) {}

  double everywhere() const { return smoothing_ / static_cast<double>(classes_); }

  // Calls body(class, share) for the one or two labels of a row.
  template <typename Body>
  void labels_of(int64_t row, const Body& body) const {
    const double other = others_ ? static_cast<double>(weights_[row]) : 0.0;
    body(label_at("labels", labels_, row), (1 - smoothing_) * (1 - other));
    if (others_) body(label_at("others", *others_, row), (1 - smoothing_) * other);
  }

 private:
  int64_t label_at(const char* input, const Tensor& labels, int64_t row) const {
    const int32_t label = labels.as<int32_t>()[row];
    call_.expect(label >= 0 && label < classes_, input, ": expected 0 to ", classes_ - 1, ", got ",
                 label, " at ", row);
    return label;
  }

  const Call& call_;
  const Tensor& labels_;
  const Tensor* others_;
  const T* weights_;
  const int64_t classes_;
  const double smoothing_;
};

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
  const Targets<T> targets(call, 0);
  double total = 0;
  for (int64_t i = 0; i < logits.dim(0); ++i) {
    const T* row = logits.as<T>() + i * classes;
    const LogSum<T> sum(row, classes);
    total += sum.log_sum;
    targets.labels_of(i, [&](int64_t label, double share) {
      total -= share * static_cast<double>(row[label] - sum.maximum);
    });
    if (targets.everywhere() == 0) continue;
    double above = 0;
    for (int64_t k = 0; k < classes; ++k) above += static_cast<double>(row[k] - sum.maximum);
    total -= targets.everywhere() * above;
  }
  *call.outputs[0].as<T>() = static_cast<T>(total / static_cast<double>(logits.dim(0)));
}

template <typename T>
void run_gradient_typed(Call& call) {
  const Tensor& logits = call.inputs[1];
  const int64_t classes = logits.dim(1);
  const Targets<T> targets(call, 1);
  const double scale = *call.inputs[0].as<T>() / static_cast<double>(logits.dim(0));
  parallel_for(logits.dim(0), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const T* row = logits.as<T>() + i * classes;
      T* d = call.outputs[0].as<T>() + i * classes;
      const LogSum<T> sum(row, classes);
      for (int64_t k = 0; k < classes; ++k) {
        const double p = std::exp(static_cast<double>(row[k] - sum.maximum) - sum.log_sum);
        d[k] = static_cast<T>((p - targets.everywhere()) * scale);
      }
      targets.labels_of(
          i, [&](int64_t label, double share) { d[label] -= static_cast<T>(share * scale); });
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
