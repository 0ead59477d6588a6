// Softmax(x) -> y over the last dimension.
#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/reduce.simd.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  call.expect_float(0, "logits");
  call.expect(call.inputs[0].rank() > 0, "logits: expected rank 1 or more, got a scalar");
  return {call.inputs[0]};
}

void cpu(Call& call) {
  const Tensor& x = call.inputs[0];
  const int64_t n = x.shape.back();
  if (x.size() == 0) return;
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(x.size() / n, grain_of(n * 4), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        MENET_SIMD(softmax_row<T>)(x.as<T>() + i * n, call.outputs[0].as<T>() + i * n, n);
      }
    });
  });
}

const RegisterOp softmax({"Softmax", infer, cpu});

}  // namespace

}  // namespace menet
