#include "cuda/tensor_lists.h"

namespace menet {

namespace {

template <typename T>
struct Step {
  T rate, momentum, decay;
  bool nesterov;
};

// Lists: parameters, gradients and, or null, momenta.
template <typename T>
__global__ void update(TensorLists<T, 3> lists, int64_t count, Step<T> step) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int tensor = lists.tensor_at(e);
    const int64_t i = e - lists.starts[tensor];
    T* p = lists.of[0][tensor];
    T* b = lists.of[2][tensor];
    T g = lists.of[1][tensor][i] + step.decay * p[i];
    if (b != nullptr) {
      b[i] = step.momentum * b[i] + g;
      g = step.nesterov ? g + step.momentum * b[i] : b[i];
    }
    p[i] -= step.rate * g;
  }
}

template <typename T>
void run(Call& call) {
  const Attributes& a = call.attributes;
  const Step<T> step{static_cast<T>(a.number("learningRate")), static_cast<T>(a.number("momentum")),
                     static_cast<T>(a.number("weightDecay")), a.flag("nesterov")};
  const size_t given = step.momentum != 0 ? 3 : 2;
  for_tensor_lists<T, 3>(call, given, [&](const TensorLists<T, 3>& lists, int64_t count) {
    launch(call, update<T>, grid_for(count), lists, count, step);
  });
}

const RegisterCuda sgd_update("SgdUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
