// A linear update of many tensors at once, in place: target = keep target + share value.
// BlendUpdate(targets..., values...; keep, share) -> nothing. Moving averages have
// keep + share = 1; a sum of gradients has keep = 1.
#include "kernels/multi_tensor.h"
#include "kernels/update.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.attributes.number("keep");
  call.attributes.number("share");
  check_lists(call, 2);
  return {};
}

template <typename T>
void update(double keep, double share, const Operands<T>& of, int64_t n) {
  MENET_SIMD(blend<T>)(keep, of[0], share, of[1], n);
}

void cpu(Call& call) {
  const double keep = call.attributes.number("keep");
  const double share = call.attributes.number("share");
  for_each_piece(call, 2, [&](const auto& of, int64_t n) { update(keep, share, of, n); });
}

const RegisterOp blend_update({"BlendUpdate", infer, cpu});

}  // namespace

}  // namespace menet
