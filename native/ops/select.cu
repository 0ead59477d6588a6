#include "cuda/launch.h"
#include "ops/number_type.h"

namespace menet {

namespace {

// The condition counts for `repeat` elements each.
template <typename T>
__global__ void select(const uint8_t* condition, int64_t repeat, const T* t, const T* e, T* y,
                       int64_t n) {
  for (int64_t i = grid_begin(); i < n; i += grid_step()) {
    y[i] = condition[repeat == 1 ? i : i / repeat] != 0 ? t[i] : e[i];
  }
}

const RegisterCuda select_op("Select", [](Call& call) {
  const Tensor &condition = call.inputs[0], &t = call.inputs[1], &e = call.inputs[2];
  const int64_t repeat = condition.shape == t.shape ? 1 : t.size() / std::max<int64_t>(t.dim(0), 1);
  with_element_size(t.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(call, select<T>, grid_for(t.size()), condition.as<uint8_t>(), repeat, t.as<T>(),
           e.as<T>(), call.outputs[0].as<T>(), t.size());
  });
});

}  // namespace

}  // namespace menet
