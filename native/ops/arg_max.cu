// ArgMax and ArgMin on CUDA: a thread for each output element.
#include "cuda/launch.h"
#include "ops/number_type.h"
#include "ops/reduce_shape.h"

namespace menet {

namespace {

template <bool greatest, typename T>
__global__ void find(const T* x, int32_t* y, int64_t outputs, int64_t count, int64_t inner) {
  for (int64_t i = grid_begin(); i < outputs; i += grid_step()) {
    const T* from = x + i / inner * count * inner + i % inner;
    T best = from[0];
    int64_t at = 0;
    for (int64_t k = 1; k < count; ++k) {
      const T candidate = from[k * inner];
      if (!(greatest ? candidate > best : candidate < best)) continue;
      best = candidate;
      at = k;
    }
    y[i] = static_cast<int32_t>(at);
  }
}

template <bool greatest>
void cuda(Call& call) {
  const ReduceShape shape = reduce_shape(call);
  const int64_t outputs = call.outputs[0].size();
  call.expect(shape.count > 0 || outputs == 0, "expected a dimension of at least 1");
  with_number_type(call.inputs[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(call, find<greatest, T>, grid_for(outputs), call.inputs[0].as<T>(),
           call.outputs[0].as<int32_t>(), outputs, shape.count, shape.inner);
  });
}

const RegisterCuda ops[] = {{"ArgMax", cuda<true>}, {"ArgMin", cuda<false>}};

}  // namespace

}  // namespace menet
