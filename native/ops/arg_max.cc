// ArgMax(x; axes: one axis) -> int32 index of the first greatest element; a NaN at the start
// wins and others lose, as in tfjs-backend-cpu. ArgMin likewise.
#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"
#include "ops/reduce_shape.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  if (call.inputs[0].dtype != DType::kInt32) call.expect_float(0, "x");
  return {{DType::kInt32, reduce_shape(call).output}};
}

template <bool greatest, typename T>
int32_t find(const T* x, int64_t count, int64_t step) {
  int64_t best = 0;
  for (int64_t k = 1; k < count; ++k) {
    const T candidate = x[k * step], current = x[best * step];
    if (greatest ? candidate > current : candidate < current) best = k;
  }
  return static_cast<int32_t>(best);
}

template <bool greatest>
void cpu(Call& call) {
  const ReduceShape shape = reduce_shape(call);
  int32_t* y = call.outputs[0].as<int32_t>();
  call.expect(shape.count > 0 || call.outputs[0].size() == 0, "expected a dimension of at least 1");
  with_number_type(call.inputs[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* x = call.inputs[0].as<T>();
    parallel_for(
        call.outputs[0].size(), grain_of(shape.count), [&](int64_t begin, int64_t end, int) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t start = i / shape.inner * shape.count * shape.inner + i % shape.inner;
            y[i] = find<greatest>(x + start, shape.count, shape.inner);
          }
        });
  });
}

const RegisterOp arg_max({"ArgMax", infer, cpu<true>});
const RegisterOp arg_min({"ArgMin", infer, cpu<false>});

}  // namespace

}  // namespace menet
