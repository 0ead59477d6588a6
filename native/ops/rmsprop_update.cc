// One RMSprop step over many tensors at once, in place, as PyTorch defines it:
//   g = gradientScale gradient + weightDecay p
//   s = alpha s + (1 - alpha) g^2;  centred: m = alpha m + (1 - alpha) g
//   d = g / (sqrt(centred ? s - m^2 : s) + epsilon);  with momentum: d = v = momentum v + d
//   p -= learningRate d
// RmspropUpdate(parameters..., square averages..., gradient averages..., momenta...,
// gradients...) -> nothing; attributes as in RmspropStep, and centered. There are gradient
// averages in the centred form alone, and momenta with momentum alone.
#include "kernels/multi_tensor.h"
#include "kernels/update.h"

namespace menet {

namespace {

RmspropStep step_of(const Attributes& a) {
  return {a.number("learningRate"), a.number("gradientScale"), a.number("weightDecay"),
          a.number("momentum"),     a.number("alpha"),         a.number("epsilon")};
}

size_t lists(const Call& call) {
  const Attributes& a = call.attributes;
  return 3 + (a.flag("centered") ? 1 : 0) + (a.number("momentum") != 0 ? 1 : 0);
}

std::vector<TensorType> infer(const Call& call) {
  step_of(call.attributes);
  check_lists(call, lists(call));
  return {};
}

template <typename T>
void update(const RmspropStep& step, bool centered, const Operands<T>& of, int64_t n) {
  size_t next = 2;
  T* mean = centered ? of[next++] : nullptr;
  T* momentum = step.momentum != 0 ? of[next++] : nullptr;
  MENET_SIMD(rmsprop_update<T>)(step, of[0], of[1], mean, momentum, of[next], n);
}

void cpu(Call& call) {
  const RmspropStep step = step_of(call.attributes);
  const bool centered = call.attributes.flag("centered");
  for_each_piece(call, lists(call),
                 [&](const auto& of, int64_t n) { update(step, centered, of, n); });
}

const RegisterOp rmsprop_update_op({"RmspropUpdate", infer, cpu});

}  // namespace

}  // namespace menet
