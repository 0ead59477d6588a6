#include "cuda/vectors.h"
#include "ops/fill.h"
#include "ops/number_type.h"

namespace menet {

namespace {

template <typename T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

}  // namespace

void fill_cuda(const Call& call, const Tensor& y, double value) {
  with_storage_type(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch_flat(call, Constant<T>{static_cast<T>(value)}, y.size(), y.as<T>());
  });
}

}  // namespace menet
