// One SGD step over many tensors at once, in place, as PyTorch defines it:
//   g += weightDecay p;  b = momentum b + g;  g = nesterov ? g + momentum b : b;
//   p -= learningRate g
// SgdUpdate(parameters..., gradients..., momenta...) -> nothing; attributes learningRate,
// momentum, weightDecay, nesterov. Without momentum there are no momenta.
#include <algorithm>

#include "core/op.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

size_t slots(const Call& call) { return call.attributes.number("momentum") != 0 ? 3 : 2; }

std::vector<TensorType> infer(const Call& call) {
  const size_t count = call.inputs.size() / slots(call);
  call.expect(call.inputs.size() == count * slots(call),
              "expected as many gradients and momenta as parameters, got ", call.inputs.size(),
              " inputs");
  call.attributes.number("learningRate");
  call.attributes.number("weightDecay");
  call.attributes.flag("nesterov");
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    call.expect_float(i, "tensor");
    call.expect_shape(i, "tensor", call.inputs[i % count].shape);
    call.expect_dtype(i, "tensor", call.inputs[i % count].dtype);
  }
  return {};
}

struct Step {
  double rate, momentum, decay;
  bool nesterov;
};

template <typename T>
void update(const Step& step, T* p, const T* gradient, T* b, int64_t begin, int64_t end) {
  const T rate = static_cast<T>(step.rate);
  const T decay = static_cast<T>(step.decay);
  const T momentum = static_cast<T>(step.momentum);
  for (int64_t i = begin; i < end; ++i) {
    T g = gradient[i] + decay * p[i];
    if (b != nullptr) {
      b[i] = momentum * b[i] + g;
      g = step.nesterov ? g + momentum * b[i] : b[i];
    }
    p[i] -= rate * g;
  }
}

template <typename T>
void run_typed(Call& call, const Step& step) {
  const size_t count = call.inputs.size() / slots(call);
  std::vector<int64_t> starts{0};  // of the parameters, end to end
  for (size_t i = 0; i < count; ++i) starts.push_back(starts.back() + call.inputs[i].size());
  parallel_for(starts.back(), 1 << 14, [&](int64_t begin, int64_t end, int) {
    for (size_t i = 0; i < count; ++i) {
      const int64_t from = std::max(begin, starts[i]) - starts[i];
      const int64_t to = std::min(end, starts[i + 1]) - starts[i];
      T* b = slots(call) == 3 ? call.inputs[2 * count + i].as<T>() : nullptr;
      update(step, call.inputs[i].as<T>(), call.inputs[count + i].as<T>(), b, from, to);
    }
  });
}

void cpu(Call& call) {
  if (call.inputs.empty()) return;
  const Attributes& a = call.attributes;
  const Step step{a.number("learningRate"), a.number("momentum"), a.number("weightDecay"),
                  a.flag("nesterov")};
  with_float_type(call.inputs[0].dtype, [&](auto t) { run_typed<decltype(t)>(call, step); });
}

const RegisterOp sgd_update({"SgdUpdate", infer, cpu});

}  // namespace

}  // namespace menet
