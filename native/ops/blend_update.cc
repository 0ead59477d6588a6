// A linear update of many tensors at once, in place: target = keep target + share value.
// BlendUpdate(targets..., values...; keep, share) -> nothing. Moving averages have
// keep + share = 1; a sum of gradients has keep = 1.
#include <algorithm>

#include "core/op.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  const size_t count = call.inputs.size() / 2;
  call.expect(call.inputs.size() == 2 * count, "expected as many values as targets, got ",
              call.inputs.size(), " inputs");
  call.attributes.number("keep");
  call.attributes.number("share");
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    call.expect_float(i, "tensor");
    call.expect_shape(i, "tensor", call.inputs[i % count].shape);
    call.expect_dtype(i, "tensor", call.inputs[i % count].dtype);
  }
  return {};
}

template <typename T>
void run_typed(Call& call) {
  const size_t count = call.inputs.size() / 2;
  const T keep = static_cast<T>(call.attributes.number("keep"));
  const T share = static_cast<T>(call.attributes.number("share"));
  std::vector<int64_t> starts{0};  // of the targets, end to end
  for (size_t i = 0; i < count; ++i) starts.push_back(starts.back() + call.inputs[i].size());
  parallel_for(starts.back(), 1 << 14, [&](int64_t begin, int64_t end, int) {
    for (size_t i = 0; i < count; ++i) {
      const int64_t from = std::max(begin, starts[i]) - starts[i];
      const int64_t to = std::min(end, starts[i + 1]) - starts[i];
      T* target = call.inputs[i].as<T>();
      const T* value = call.inputs[count + i].as<T>();
      for (int64_t k = from; k < to; ++k) target[k] = keep * target[k] + share * value[k];
    }
  });
}

void cpu(Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto t) { run_typed<decltype(t)>(call); });
}

const RegisterOp blend_update({"BlendUpdate", infer, cpu});

}  // namespace

}  // namespace menet
