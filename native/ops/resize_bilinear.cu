#include "cuda/launch.h"
#include "cuda/math.h"

namespace menet {

namespace {

// How output indices of one dimension lie in the input.
struct Axis {
  int64_t input, output;
  double ratio, center;  // input = ratio * (output + center) - center

  Axis(const Call& call, int64_t input, int64_t output) : input(input), output(output) {
    const bool corners = call.attributes.flag("alignCorners") && output > 1;
    ratio = static_cast<double>(corners ? input - 1 : input) /
            static_cast<double>(corners ? output - 1 : output);
    center = call.attributes.flag("halfPixelCenters") ? 0.5 : 0.0;
  }
};

struct Source {
  int64_t low, high;
  double fraction;

  __device__ Source(const Axis& axis, int64_t i) {
    const double at = axis.ratio * (static_cast<double>(i) + axis.center) - axis.center;
    low = at > 0 ? static_cast<int64_t>(round_down(at)) : 0;
    high = static_cast<int64_t>(round_up(at));
    if (high > axis.input - 1) high = axis.input - 1;
    fraction = at - static_cast<double>(low);
  }
};

template <typename T>
__global__ void resize(const T* x, T* y, Axis rows, Axis columns, int64_t channels, int64_t count) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int64_t c = e % channels, pixel = e / channels;
    const Source column(columns, pixel % columns.output);
    const Source row(rows, pixel / columns.output % rows.output);
    const T* image =
        x + pixel / columns.output / rows.output * rows.input * columns.input * channels + c;
    const auto at = [&](int64_t i, int64_t j) { return image[(i * columns.input + j) * channels]; };
    const T across = static_cast<T>(column.fraction), down = static_cast<T>(row.fraction);
    const T top =
        at(row.low, column.low) + (at(row.low, column.high) - at(row.low, column.low)) * across;
    const T bottom =
        at(row.high, column.low) + (at(row.high, column.high) - at(row.high, column.low)) * across;
    y[e] = top + (bottom - top) * down;
  }
}

const RegisterCuda resize_bilinear("ResizeBilinear", [](Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const Axis rows(call, x.dim(1), y.dim(1)), columns(call, x.dim(2), y.dim(2));
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(call, resize<T>, grid_for(y.size()), x.as<T>(), y.as<T>(), rows, columns, x.dim(3),
           y.size());
  });
});

}  // namespace

}  // namespace menet
