// Cast(x; dtype) -> y, as JavaScript's typed arrays convert: floats to int32 towards zero and
// modulo 2^32, NaN and infinities to 0; to bool whether x != 0 (so NaN is true).
#include <cmath>

#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  return {{dtype_from_name(call.attributes.text("dtype")), call.inputs[0].shape}};
}

template <typename T>
int32_t to_int32(T x) {
  if (x > T(-2147483648.0) && x < T(2147483520.0)) return static_cast<int32_t>(x);
  const double value = static_cast<double>(x);
  if (!std::isfinite(value)) return 0;
  const double wrapped = std::fmod(std::trunc(value), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(wrapped)));
}

template <typename X, typename Y>
Y convert(X x) {
  if constexpr (std::is_same_v<Y, bool>) {
    return x != 0;
  } else if constexpr (std::is_same_v<Y, int32_t> && std::is_floating_point_v<X>) {
    return to_int32(x);
  } else {
    return static_cast<Y>(x);
  }
}

// Calls body(T{}) for any element type; bool's bytes are read as such.
template <typename Body>
void with_type(DType dtype, Body&& body) {
  if (dtype == DType::kBool) return body(bool{});
  if (dtype == DType::kUint8) return body(uint8_t{});
  with_number_type(dtype, body);
}

void cpu(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  with_type(x.dtype, [&](auto from) {
    with_type(y.dtype, [&](auto to) {
      using X = decltype(from);
      using Y = decltype(to);
      parallel_for(x.size(), kElementGrain, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) y.as<Y>()[i] = convert<X, Y>(x.as<X>()[i]);
      });
    });
  });
}

const RegisterOp cast({"Cast", infer, cpu});

}  // namespace

}  // namespace menet
