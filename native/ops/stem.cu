// Stem and its gradient on CUDA, in the passes of units.
#include "kernels/device_backward.h"
#include "kernels/device_forward.h"
#include "kernels/device_window.h"
#include "ops/stem.h"

namespace menet {

namespace {

using namespace stem_inputs;

// The greatest of a 3x3 window; relu has left nothing below zero.
template <typename T>
struct MaxPoolRule {
  __device__ void select(int) {}
  __device__ T start() const { return 0; }
  __device__ void add(T& best, T value, int) const {
    if (value > best) best = value;
  }
  __device__ T finish(T best) const { return best; }
};

// Its gradient: dy of the windows in which this is the first of the greatest, and above zero.
template <typename S>
struct MaxPoolGradientAt {
  using T = Compute<S>;
  Source<S> in;
  Map map;
  const S* dy;

  __device__ bool chosen(int64_t window, int64_t tap, T value, int64_t c) const {
    const MapPixel p(window, map.out_height, map.out_width);
    for (int64_t other = 0; other < 9; ++other) {
      const int64_t from = input_under(map, p, other);
      if (other == tap || from < 0) continue;
      const T rival = read(in, from, c);
      if (rival > value || (rival == value && other < tap)) return false;
    }
    return true;
  }

  __device__ T operator()(int64_t pixel, int64_t c) const {
    const T value = read(in, pixel, c);
    if (!(value > 0)) return 0;
    const MapPixel p(pixel, map.height, map.width);
    T sum = 0;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t window = output_over(map, p, tap);
      if (window < 0 || !chosen(window, tap, value, c)) continue;
      sum += static_cast<T>(dy[window * in.channels + c]);
    }
    return sum;
  }
};

template <typename X, typename S, typename T = Compute<S>>
void run(Call& call) {
  const StemShape s = stem_shape(call, 0);
  const bool training = call.attributes.flag("training");
  S* y = call.outputs[0].as<S>();
  S* z = training ? call.outputs[1].as<S>() : call.scratch<S>(s.pixels() * s.channels);
  const Shuffle straight = unshuffled(s.channels);
  const auto n =
      measured(call, batch_norm_at<T>(call, 2, s.channels), s.pixels(), straight,
               training ? call.outputs[2].as<T>() : nullptr, [&](const TileSums<T>& moments) {
                 launch_conv3x3(call, raw<X>(call.inputs[0].as<X>(), s.in), s.conv,
                                call.inputs[1].as<const T>(), s.weights(),
                                StoreEnd<S>{z, s.channels, straight, moments}, s.pixels());
               });
  const Source<S> activations = normalized<S>(z, s.channels, n, true);
  if (!s.pooling) {
    return launch_join(call, Join<S>{activations, nullptr, y, s.channels, true}, s.pixels());
  }
  launch_window_map<S, 2>(call, activations, s.pool, s.batch, MaxPoolRule<T>{}, y,
                          WindowOutput{s.channels, 0}, nullptr);
}

// dz behind the batch norm.
template <typename S, typename T = Compute<S>>
Gradient<S> activation_gradient(Call& call, const StemShape& s) {
  const BatchNorm<T> bn = batch_norm_at<T>(call, kBatchNorm, s.channels);
  const Shuffle straight = unshuffled(s.channels);
  const auto n = saved_normalization<T>(call, bn, straight, call.inputs[kStatistics].as<const T>());
  const S* dy = call.inputs[kDy].as<S>();
  const S* z = call.inputs[kZ].as<S>();
  const ScaleGradient<T> out{call.outputs[1].as<T>(), call.outputs[2].as<T>()};
  if (!s.pooling) {
    return behind_join<S>(call, bn, n, out, dy, call.inputs[kY].as<const S>(), s.channels, z,
                          s.pixels());
  }
  S* da = call.scratch<S>(s.pixels() * s.channels);
  const GradientEnd<S> end =
      gradient_end(call, normalized<S>(z, s.channels, n, true), da, s.pixels());
  launch_tile_map<T>(call, MaxPoolGradientAt<S>{end.in, s.pool, dy}, end, s.pixels(), s.channels);
  return behind<S>(call, bn, n, end.sums, straight, out, da, z);
}

template <typename X, typename S, typename T = Compute<S>>
void run_gradient(Call& call) {
  const StemShape s = stem_shape(call, kX);
  const Gradient<S> dz = activation_gradient<S>(call, s);
  X* d_x = call.outputs.size() > 3 ? call.outputs[3].as<X>() : nullptr;
  const Source<X> x = raw<X>(call.inputs[kX].as<X>(), s.in);
  launch_conv3x3_gradients(call, call.inputs[kConv].as<const T>(), s.weights(),
                           gradient_end(call, x, d_x, 0), dz, s.conv, s.batch,
                           call.outputs[0].as<T>());
}

const RegisterCuda ops[] = {
    {"Stem",
     [](Call& call) {
       with_stem_types(call.inputs[0].dtype, call.outputs[0].dtype,
                       [&](auto x, auto y) { run<decltype(x), decltype(y)>(call); });
     }},
    {"StemGrad",
     [](Call& call) {
       with_stem_types(call.inputs[kX].dtype, call.inputs[kZ].dtype,
                       [&](auto x, auto y) { run_gradient<decltype(x), decltype(y)>(call); });
     }},
};

}  // namespace

}  // namespace menet
