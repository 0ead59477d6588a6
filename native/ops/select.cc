// Select(condition, t, e) -> y, the element of t where the condition holds, else of e. The
// condition has their shape or is a list that chooses along their first dimension.
#include "core/thread_pool.h"
#include "ops/elementwise_binary.simd.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(3);
  const Tensor &condition = call.inputs[0], &t = call.inputs[1];
  call.expect_dtype(0, "condition", DType::kBool);
  call.expect_dtype(2, "e", t.dtype);
  call.expect_shape(2, "e", t.shape);
  const bool list = condition.rank() == 1 && t.rank() > 0 && condition.dim(0) == t.dim(0);
  call.expect(list || condition.shape == t.shape, "condition: expected shape ", to_string(t.shape),
              " or its first dimension, got ", to_string(condition.shape));
  return {t};
}

template <typename T>
void run(Call& call) {
  const Tensor &condition = call.inputs[0], &t = call.inputs[1], &e = call.inputs[2];
  const int64_t repeat = condition.shape == t.shape ? 1 : t.size() / std::max<int64_t>(t.dim(0), 1);
  T* y = call.outputs[0].as<T>();
  parallel_for(condition.size(), grain_of(repeat), [&](int64_t begin, int64_t end, int) {
    const uint8_t* chosen = condition.as<uint8_t>();
    if (repeat == 1) {
      MENET_SIMD(select<T>)
      (chosen + begin, t.as<T>() + begin, e.as<T>() + begin, y + begin, end - begin);
      return;
    }
    for (int64_t i = begin; i < end; ++i) {
      std::copy_n((chosen[i] != 0 ? t : e).as<T>() + i * repeat, repeat, y + i * repeat);
    }
  });
}

void cpu(Call& call) {
  with_element_size(call.inputs[1].dtype, [&](auto zero) { run<decltype(zero)>(call); });
}

const RegisterOp select_op({"Select", infer, cpu});

}  // namespace

}  // namespace menet
