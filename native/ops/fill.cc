#include "ops/fill.h"

#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

void fill([[maybe_unused]] const Call& call, const Tensor& y, double value) {
#ifdef MENET_CUDA
  if (call.device().kind() == DeviceKind::kCuda) return fill_cuda(call, y, value);
#endif
  with_storage_type(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(y.size(), kElementGrain, [&](int64_t begin, int64_t end, int) {
      std::fill_n(y.as<T>() + begin, end - begin, static_cast<T>(value));
    });
  });
}

}  // namespace menet
