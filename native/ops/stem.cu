// Stem and its gradient on CUDA, in the passes of units.
#include "kernels/device_backward.h"
#include "kernels/device_forward.h"
#include "ops/stem.h"

namespace menet {

namespace {

using namespace stem_inputs;

// The greatest of a 3x3 window; relu has left nothing below zero.
template <typename T>
struct MaxPoolAt {
  Source<T> in;
  Map map;

  __device__ T operator()(int64_t pixel, int64_t c) const {
    const MapPixel p(pixel, map.out_height, map.out_width);
    T best = 0;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t from = input_under(map, p, tap);
      if (from < 0) continue;
      const T value = read(in, from, c);
      if (value > best) best = value;
    }
    return best;
  }
};

// Its gradient: dy of the windows in which this is the first of the greatest, and above zero.
template <typename T>
struct MaxPoolGradientAt {
  Source<T> in;
  Map map;
  const T* dy;

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
      if (window >= 0 && chosen(window, tap, value, c)) sum += dy[window * in.channels + c];
    }
    return sum;
  }
};

template <typename T>
void run(Call& call) {
  const StemShape s = stem_shape(call, 0);
  const bool training = call.attributes.flag("training");
  T* y = call.outputs[0].as<T>();
  T* z = training ? call.outputs[1].as<T>() : call.scratch<T>(s.pixels() * s.channels);
  const Shuffle straight = unshuffled(s.channels);
  const auto n = measured(
      call, batch_norm_at<T>(call, 2, s.channels), s.pixels(), straight,
      training ? call.outputs[2].as<T>() : nullptr, [&](const TileSums<T>& moments) {
        launch_conv3x3(call, raw<T>(call.inputs[0].as<T>(), s.in), s.conv, call.inputs[1].as<T>(),
                       s.weights(), StoreEnd<T>{z, s.channels, straight, moments}, s.pixels());
      });
  const Source<T> activations = normalized<T>(z, s.channels, n, true);
  if (!s.pooling) {
    return launch_join(call, activations, static_cast<const T*>(nullptr), y, s.channels,
                       s.pixels());
  }
  launch_tile_map<T>(call, MaxPoolAt<T>{activations, s.pool},
                     StoreEnd<T>{y, s.channels, straight, {}}, size_of(s.y()) / s.channels,
                     s.channels);
}

// dz behind the batch norm.
template <typename T>
Gradient<T> activation_gradient(Call& call, const StemShape& s) {
  const BatchNorm<T> bn = batch_norm_at<T>(call, kBatchNorm, s.channels);
  const Shuffle straight = unshuffled(s.channels);
  const auto n = saved_normalization<T>(call, bn, straight, call.inputs[kStatistics].as<const T>());
  const T* dy = call.inputs[kDy].as<T>();
  const T* z = call.inputs[kZ].as<T>();
  const ScaleGradient<T> out{call.outputs[1].as<T>(), call.outputs[2].as<T>()};
  if (!s.pooling) {
    return behind_join(call, bn, n, out, dy, call.inputs[kY].as<const T>(), s.channels, z,
                       s.pixels());
  }
  T* da = call.scratch<T>(s.pixels() * s.channels);
  const GradientEnd<T> end =
      gradient_end(call, normalized<T>(z, s.channels, n, true), da, s.pixels());
  launch_tile_map<T>(call, MaxPoolGradientAt<T>{end.in, s.pool, dy}, end, s.pixels(), s.channels);
  return behind<T>(call, bn, n, end.sums, straight, out, da, z);
}

template <typename T>
void run_gradient(Call& call) {
  const StemShape s = stem_shape(call, kX);
  const Gradient<T> dz = activation_gradient<T>(call, s);
  T* d_x = call.outputs.size() > 3 ? call.outputs[3].as<T>() : nullptr;
  const Source<T> x = raw<T>(call.inputs[kX].as<T>(), s.in);
  launch_conv3x3_gradients(call, call.inputs[kConv].as<const T>(), s.weights(),
                           gradient_end(call, x, d_x, 0), dz, s.conv, s.batch,
                           call.outputs[0].as<T>());
}

const RegisterCuda ops[] = {
    {"Stem",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype, [&](auto t) { run<decltype(t)>(call); });
     }},
    {"StemGrad",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype, [&](auto t) { run_gradient<decltype(t)>(call); });
     }},
};

}  // namespace

}  // namespace menet
