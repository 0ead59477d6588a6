// One SGD step over many tensors at once, in place, as PyTorch defines it:
//   g = gradientScale gradient + weightDecay p
//   v = momentum v + g;  g = nesterov ? g + momentum v : v
//   p -= learningRate g
// SgdUpdate(parameters..., momenta..., gradients...) -> nothing; attributes as in SgdStep.
// Without momentum there are no momenta.
#include "kernels/multi_tensor.h"
#include "kernels/update.h"

namespace menet {

namespace {

SgdStep step_of(const Attributes& a) {
  return {a.number("learningRate"), a.number("gradientScale"), a.number("weightDecay"),
          a.number("momentum"), a.flag("nesterov")};
}

size_t lists(const SgdStep& step) { return step.momentum != 0 ? 3 : 2; }

std::vector<TensorType> infer(const Call& call) {
  check_lists(call, lists(step_of(call.attributes)));
  return {};
}

template <typename T>
void update(const SgdStep& step, const Operands<T>& of, int64_t n) {
  const bool momentum = step.momentum != 0;
  MENET_SIMD(sgd_update<T>)(step, of[0], momentum ? of[1] : nullptr, of[momentum ? 2 : 1], n);
}

void cpu(Call& call) {
  const SgdStep step = step_of(call.attributes);
  for_each_piece(call, lists(step), [&](const auto& of, int64_t n) { update(step, of, n); });
}

const RegisterOp sgd_update_op({"SgdUpdate", infer, cpu});

}  // namespace

}  // namespace menet
