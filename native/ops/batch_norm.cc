// FusedBatchNorm(x [..., C], mean [C], variance [C], offset [C]?, scale [C]?; varianceEpsilon)
// -> (x - mean) * scale / sqrt(variance + epsilon) + offset.
#include <cmath>

#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/batch_norm.simd.h"
#include "ops/grain.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(5);
  const Tensor& x = call.inputs[0];
  call.expect_float(0, "x");
  call.expect(x.rank() > 0, "x: expected rank 1 or more, got a scalar");
  const char* names[] = {"x", "mean", "variance", "offset", "scale"};
  for (size_t i = 1; i < 5; ++i) {
    if (i > 2 && !call.inputs[i]) continue;
    call.expect_dtype(i, names[i], x.dtype);
    call.expect_shape(i, names[i], {x.shape.back()});
  }
  call.attributes.number("varianceEpsilon");
  return {x};
}

template <typename T>
void normalize(Call& call) {
  const Tensor &x = call.inputs[0], &offset = call.inputs[3], &scale = call.inputs[4];
  const int64_t channels = x.shape.back();
  if (x.size() == 0) return;
  const T *mean = call.inputs[1].as<T>(), *variance = call.inputs[2].as<T>();
  const double epsilon = call.attributes.number("varianceEpsilon");
  T* factor = call.scratch<T>(2 * channels);
  T* shift = factor + channels;
  for (int64_t c = 0; c < channels; ++c) {
    const double gain = scale ? scale.as<T>()[c] : 1;
    factor[c] = static_cast<T>(gain / std::sqrt(static_cast<double>(variance[c]) + epsilon));
    shift[c] = offset ? offset.as<T>()[c] : T(0);
  }
  parallel_for(x.size() / channels, grain_of(channels), [&](int64_t begin, int64_t end, int) {
    MENET_SIMD(normalize_rows<T>)
    (x.as<T>() + begin * channels, end - begin, channels, mean, factor, shift,
     call.outputs[0].as<T>() + begin * channels);
  });
}

void cpu(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { normalize<decltype(zero)>(call); });
}

const RegisterOp batch_norm({"FusedBatchNorm", infer, cpu});

}  // namespace

}  // namespace menet
