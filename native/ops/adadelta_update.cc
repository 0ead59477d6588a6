// One Adadelta step over many tensors at once, in place, as PyTorch defines it:
//   g = gradientScale gradient + weightDecay p
//   s = rho s + (1 - rho) g^2
//   d = g sqrt(a + epsilon) / sqrt(s + epsilon)
//   a = rho a + (1 - rho) d^2
//   p -= learningRate d
// AdadeltaUpdate(parameters..., square averages s..., accumulated deltas a..., gradients...)
// -> nothing; attributes as in AdadeltaStep.
#include "kernels/multi_tensor.h"
#include "kernels/update.h"

namespace menet {

namespace {

constexpr size_t kLists = 4;

AdadeltaStep step_of(const Attributes& a) {
  return {a.number("learningRate"), a.number("gradientScale"), a.number("weightDecay"),
          a.number("rho"), a.number("epsilon")};
}

std::vector<TensorType> infer(const Call& call) {
  step_of(call.attributes);
  check_lists(call, kLists);
  return {};
}

template <typename T>
void update(const AdadeltaStep& step, const Operands<T>& of, int64_t n) {
  MENET_SIMD(adadelta_update<T>)(step, of[0], of[1], of[2], of[3], n);
}

void cpu(Call& call) {
  const AdadeltaStep step = step_of(call.attributes);
  for_each_piece(call, kLists, [&](const auto& of, int64_t n) { update(step, of, n); });
}

const RegisterOp adadelta_update_op({"AdadeltaUpdate", infer, cpu});

}  // namespace

}  // namespace menet
