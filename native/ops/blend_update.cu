#include "cuda/tensor_lists.h"

namespace menet {

namespace {

// Lists: targets and values.
template <typename T>
__global__ void blend(TensorLists<T, 2> lists, int64_t count, T keep, T share) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int tensor = lists.tensor_at(e);
    const int64_t i = e - lists.starts[tensor];
    T* target = lists.of[0][tensor];
    target[i] = keep * target[i] + share * lists.of[1][tensor][i];
  }
}

template <typename T>
void run(Call& call) {
  const T keep = static_cast<T>(call.attributes.number("keep"));
  const T share = static_cast<T>(call.attributes.number("share"));
  for_tensor_lists<T, 2>(call, 2, [&](const TensorLists<T, 2>& lists, int64_t count) {
    launch(call, blend<T>, grid_for(count), lists, count, keep, share);
  });
}

const RegisterCuda blend_update("BlendUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
