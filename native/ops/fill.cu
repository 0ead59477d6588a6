#include "cuda/launch.h"
#include "ops/fill.h"
#include "ops/number_type.h"

namespace menet {

namespace {

template <typename T>
__global__ void set_all(T* y, int64_t n, T value) {
  for (int64_t i = grid_begin(); i < n; i += grid_step()) y[i] = value;
}

}  // namespace

void fill_cuda(const Call& call, const Tensor& y, double value) {
  with_storage_type(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(call, set_all<T>, grid_for(y.size()), y.as<T>(), y.size(), static_cast<T>(value));
  });
}

}  // namespace menet
