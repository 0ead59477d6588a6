// Cast(x; dtype) -> y, as JavaScript's typed arrays convert: floats to int32 towards zero and
// modulo 2^32, NaN and infinities to 0; to bool whether x != 0 (so NaN is true). 16-bit floats by
// way of float, rounded to nearest even.
#include <cmath>

#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"
#include "simd/convert.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  const DType to = dtype_from_name(call.attributes.text("dtype"));
  return {{to, call.inputs[0].shape}};
}

template <typename T>
int32_t to_int32(T x) {
  if (x > T(-2147483648.0) && x < T(2147483520.0)) return static_cast<int32_t>(x);
  const double value = static_cast<double>(x);
  if (!std::isfinite(value)) return 0;
  const double wrapped = std::fmod(std::trunc(value), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(wrapped)));
}

template <typename X>
constexpr bool kIsHalf = sizeof(X) < sizeof(Compute<X>);

template <typename X, typename Y>
Y convert(X x) {
  if constexpr (kIsHalf<X>) {
    return convert<float, Y>(x);
  } else if constexpr (kIsHalf<Y>) {
    return Y(static_cast<float>(x));
  } else if constexpr (std::is_same_v<Y, bool>) {
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
  if (dtype == DType::kInt32) return body(int32_t{});
  with_activation_type(dtype, body);
}

template <typename X, typename Y>
void convert_range(const X* x, Y* y, int64_t n) {
  constexpr bool floats = std::is_same_v<Compute<X>, float> && std::is_same_v<Compute<Y>, float>;
  if constexpr (floats && !std::is_same_v<X, Y>) {
    MENET_SIMD(convert_row<X, Y>)(x, y, n);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = convert<X, Y>(x[i]);
  }
}

void cpu(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  with_type(x.dtype, [&](auto from) {
    with_type(y.dtype, [&](auto to) {
      using X = decltype(from);
      using Y = decltype(to);
      parallel_for(x.size(), kElementGrain, [&](int64_t begin, int64_t end, int) {
        convert_range(x.as<X>() + begin, y.as<Y>() + begin, end - begin);
      });
    });
  });
}

const RegisterOp cast({"Cast", infer, cpu, nullptr, kTakesHalf});

}  // namespace

}  // namespace menet
