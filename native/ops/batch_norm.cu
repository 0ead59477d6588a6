#include "cuda/launch.h"
#include "cuda/math.h"

namespace menet {

namespace {

// scale and offset may be null.
template <typename T>
__global__ void normalize(const T* x, const T* mean, const T* variance, const T* offset,
                          const T* scale, double epsilon, T* y, int64_t n, int64_t channels) {
  for (int64_t i = grid_begin(); i < n; i += grid_step()) {
    const int64_t c = i % channels;
    const double gain = scale == nullptr ? 1.0 : static_cast<double>(scale[c]);
    const T factor = static_cast<T>(gain / root(static_cast<double>(variance[c]) + epsilon));
    y[i] = (x[i] - mean[c]) * factor + (offset == nullptr ? T(0) : offset[c]);
  }
}

template <typename T>
void run(Call& call) {
  const Tensor& x = call.inputs[0];
  launch(call, normalize<T>, grid_for(x.size()), x.as<T>(), call.inputs[1].as<T>(),
         call.inputs[2].as<T>(), call.inputs[3].as<T>(), call.inputs[4].as<T>(),
         call.attributes.number("varianceEpsilon"), call.outputs[0].as<T>(), x.size(),
         x.shape.back());
}

const RegisterCuda batch_norm("FusedBatchNorm", [](Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
