// One Adam or, with decoupled decay, AdamW step over many tensors at once, in place, as PyTorch
// defines them:
//   g = gradientScale gradient + weightDecay p;  decoupled: g = gradientScale gradient and
//   p -= learningRate weightDecay p
//   m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g^2
//   p -= learningRate (m / correction1) / (sqrt(s / correction2) + epsilon)
// AdamUpdate(parameters..., averages..., square averages..., gradients...) -> nothing;
// attributes as in AdamStep.
#include "kernels/multi_tensor.h"
#include "kernels/update.h"

namespace menet {

namespace {

constexpr size_t kLists = 4;

AdamStep step_of(const Attributes& a) {
  return {a.number("learningRate"), a.number("gradientScale"), a.number("weightDecay"),
          a.number("beta1"),        a.number("beta2"),         a.number("epsilon"),
          a.flag("decoupled"),      a.number("correction1"),   a.number("correction2")};
}

std::vector<TensorType> infer(const Call& call) {
  step_of(call.attributes);
  check_lists(call, kLists);
  return {};
}

template <typename T>
void update(const AdamStep& step, const Operands<T>& of, int64_t n) {
  MENET_SIMD(adam_update<T>)(step, of[0], of[1], of[2], of[3], n);
}

void cpu(Call& call) {
  const AdamStep step = step_of(call.attributes);
  for_each_piece(call, kLists, [&](const auto& of, int64_t n) { update(step, of, n); });
}

const RegisterOp adam_update_op({"AdamUpdate", infer, cpu});

}  // namespace

}  // namespace menet
