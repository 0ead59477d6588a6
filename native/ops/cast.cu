// Cast on CUDA, with cast.cc's conversions.
#include "cuda/vectors.h"
#include "ops/number_type.h"

namespace menet {

namespace {

template <typename T>
__device__ int32_t to_int32(T x) {
  if (x > T(-2147483648.0) && x < T(2147483520.0)) return static_cast<int32_t>(x);
  const double value = static_cast<double>(x);
  if (!(value - value == 0)) return 0;  // not finite
  const double wrapped = fmod(trunc(value), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(wrapped)));
}

template <typename X>
constexpr bool kIsHalf = sizeof(X) < sizeof(Compute<X>);

template <typename X, typename Y>
__device__ Y convert(X x) {
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

template <typename X, typename Y>
struct Conversion {
  __device__ Y operator()(X x) const { return convert<X, Y>(x); }
};

template <typename Body>
void with_type(DType dtype, Body&& body) {
  if (dtype == DType::kBool) return body(bool{});
  if (dtype == DType::kUint8) return body(uint8_t{});
  if (dtype == DType::kInt32) return body(int32_t{});
  with_activation_type(dtype, body);
}

const RegisterCuda cast("Cast", [](Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  with_type(x.dtype, [&](auto from) {
    with_type(y.dtype, [&](auto to) {
      using X = decltype(from);
      using Y = decltype(to);
      launch_flat(call, Conversion<X, Y>(), x.size(), y.as<Y>(), x.as<const X>());
    });
  });
});

}  // namespace

}  // namespace menet
