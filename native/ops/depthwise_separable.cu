// MobileNet's block on CUDA, in the passes of units.
#include "kernels/device_backward.h"
#include "kernels/device_forward.h"
#include "ops/depthwise_separable.h"

namespace menet {

namespace {

using namespace separable_inputs;

template <typename S, typename T = Compute<S>>
void run(Call& call) {
  const Separable<S> s = read_separable<S>(call, 0);
  const bool training = call.attributes.flag("training");
  const int64_t pixels = s.out_pixels();
  S* y = call.outputs[0].as<S>();
  S* z1 = training ? call.outputs[1].as<S>() : call.scratch<S>(pixels * s.in());
  T* statistics = training ? call.outputs[3].as<T>() : nullptr;
  const auto n1 = measured(
      call, s.bn_depthwise, pixels, unshuffled(s.in()), statistics, [&](TileSums<T>& moments) {
        depthwise_forward(call, raw<S>(s.x, s.in()), s.map, s.batch, s.depthwise, z1, moments);
      });
  const Source<S> hidden = normalized<S>(z1, s.in(), n1, true);
  const Shuffle straight = unshuffled(s.out());
  const WeightLayout& layout = s.pointwise.layout;
  if (!training) {
    const auto n2 = running_normalization(call, s.pointwise.bn, straight);
    ProductEnd<S> end{y, s.out(), straight, {}, n2.mean, n2.scale, n2.offset};
    return launch_pointwise(call, hidden, s.pointwise.weights, layout, end, pixels);
  }
  S* z2 = call.outputs[2].as<S>();
  const auto n2 = measured(
      call, s.pointwise.bn, pixels, straight, statistics + 2 * s.in(), [&](TileSums<T>& moments) {
        ProductEnd<S> end{z2, s.out(), straight, moments};
        launch_pointwise(call, hidden, s.pointwise.weights, layout, end, pixels);
        moments = end.moments;
      });
  launch_join(call, Join<S>{normalized<S>(z2, s.out(), n2, false), nullptr, y, s.out(), true},
              pixels);
}

template <typename S, typename T = Compute<S>>
void run_gradient(Call& call) {
  const Separable<S> s = read_separable<S>(call, kX);
  const int64_t pixels = s.out_pixels();
  const auto input = [&](size_t i) { return call.inputs[i].as<const S>(); };
  const T* statistics = call.inputs[kStatistics].as<const T>();
  const auto output = [&](size_t i) { return call.outputs[i].as<T>(); };
  const Shuffle narrow = unshuffled(s.in()), wide = unshuffled(s.out());
  const auto n1 = saved_normalization(call, s.bn_depthwise, narrow, statistics);
  const auto n2 = saved_normalization(call, s.pointwise.bn, wide, statistics + 2 * s.in());
  const Gradient<S> dz2 = behind_join<S>(call, s.pointwise.bn, n2, {output(5), output(6)},
                                         input(kDy), input(kY), s.out(), input(kZ2), pixels);
  S* d_hidden = call.scratch<S>(pixels * s.in());
  GradientEnd<S> hidden =
      gradient_end(call, normalized<S>(input(kZ1), s.in(), n1, true), d_hidden, pixels);
  launch_pointwise_gradients(call, s.pointwise.weights, s.pointwise.layout, hidden, dz2, wide,
                             pixels, output(4));
  const Gradient<S> dz1 = behind<S>(call, s.bn_depthwise, n1, hidden.sums, narrow,
                                    {output(2), output(3)}, d_hidden, input(kZ1));
  const Source<S> x = raw<S>(s.x, s.in());
  TileSums<T> none;
  depthwise_backward<S>(call,
                        {x, dz1, s.depthwise, {}, nullptr, 0, call.outputs[0].as<S>(), output(1)},
                        s.map, s.batch, none);
}

const RegisterCuda ops[] = {
    {"DepthwiseSeparable",
     [](Call& call) { by_storage_type(call, [&](auto t) { run<decltype(t)>(call); }); }},
    {"DepthwiseSeparableGrad",
     [](Call& call) { by_storage_type(call, [&](auto t) { run_gradient<decltype(t)>(call); }); }},
};

}  // namespace

}  // namespace menet
