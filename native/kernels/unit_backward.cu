#include "kernels/device_average_pool.h"
#include "kernels/device_backward.h"
#include "kernels/unit_cuda.h"
#include "kernels/unit_sources.h"

namespace menet {

namespace {

// The passes of the gradient, last convolution first.
template <typename S>
class Backward {
 public:
  using T = Compute<S>;

  Backward(Call& call, const Unit<T>& unit, const UnitTensors<S>& tensors, const S* dy,
           const UnitGradients<S>& gradients)
      : call_(call),
        u_(unit),
        t_(tensors),
        dy_(dy),
        g_(gradients),
        down_(unit.map.stride == 2),
        y_stride_(unit.expanded + (down_ ? unit.in_channels : 0)) {
    read_statistics();
  }

  void run() {
    Gradient<S> residual = plain_gradient(dy_, u_.width);
    Gradient<S> merged{};
    if (u_.expanded > 0 || u_.side > 0) residual = tail();
    if (u_.side > 0) merged = branch();
    if (u_.depthwise != nullptr) {
      compress(depthwise(residual, merged));
    } else {
      merge(merged);
      launch_store_gradient(call_, residual, g_.z2, u_.out_pixels());
    }
  }

 private:
  using Convolution = typename Unit<T>::Convolution;
  using ConvolutionGradient = typename UnitGradients<S>::Convolution;

  void read_statistics() {
    const T* statistics = t_.statistics;
    const auto next = [&](const BatchNorm<T>& bn, const Shuffle& shuffle) {
      if (bn.channels == 0) return DeviceNormalization<T>{};
      const T* saved = statistics;
      statistics += 2 * bn.channels;
      return saved_normalization(call_, bn, shuffle, saved);
    };
    n_.compress = next(u_.compress.bn, shuffle_of(u_));
    n_.depthwise = next(u_.bn_depthwise, unshuffled(u_.width));
    n_.merge = next(u_.merge.bn, unshuffled(u_.side));
    n_.conv = next(u_.conv.bn, unshuffled(u_.side));
    n_.evolve = next(u_.evolve.bn, unshuffled(u_.width));
    n_.expand = next(u_.expand.bn, unshuffled(u_.expanded));
  }

  Gradient<S> behind(const BatchNorm<T>& bn, const DeviceNormalization<T>& n,
                     const TileSums<T>& sums, const Shuffle& shuffle,
                     const ConvolutionGradient& out, const S* da, const S* z) {
    return menet::behind<S>(call_, bn, n, sums, shuffle, {out.scale, out.offset}, da, z);
  }

  // Both gradients of a 1x1 convolution.
  void pointwise(const Convolution& w, GradientEnd<S>& end, const Gradient<S>& dz,
                 const Shuffle& shuffle, int64_t pixels, T* d_weights) {
    launch_pointwise_gradients(call_, w.weights, w.layout, end, dz, shuffle, pixels, d_weights);
  }

  // dy -> the gradients of the normalised z2 and of the gate; returns dz2.
  Gradient<S> tail() {
    const int64_t pixels = u_.out_pixels();
    d_residual_ = call_.scratch<S>(pixels * u_.width);
    GradientEnd<S> end = gradient_end(call_, residual_source(u_, t_, n_), d_residual_, pixels);
    if (u_.side > 0) {
      end.d_gate = call_.scratch<S>(pixels * u_.width);
      end.gate_sums = make_tile_sums<T>(call_, pixels, u_.width);
    }
    if (u_.expanded > 0) {
      pointwise(u_.expand, end, joined(), unshuffled(u_.expanded), pixels, g_.expand.weights);
    } else {
      launch_tile_map<T>(call_, GradientAt<S>{plain_gradient(dy_, u_.width)}, end, pixels,
                         u_.width);
    }
    if (u_.side > 0) {
      d_evolved_ = behind(u_.evolve.bn, n_.evolve, end.gate_sums, unshuffled(u_.width), g_.evolve,
                          end.d_gate, t_.ze);
    }
    return behind(u_.bn_depthwise, n_.depthwise, end.sums, unshuffled(u_.width), g_.depthwise,
                  d_residual_, t_.z2);
  }

  // dz3, from dy where y > 0.
  Gradient<S> joined() {
    return behind_join<S>(call_, u_.expand.bn, n_.expand, {g_.expand.scale, g_.expand.offset}, dy_,
                          t_.y, y_stride_, t_.z3, u_.out_pixels());
  }

  // dze -> dzs -> dzm.
  Gradient<S> branch() {
    const int64_t side = u_.side;
    S* d_mixed = call_.scratch<S>(u_.out_pixels() * side);
    GradientEnd<S> evolve =
        gradient_end(call_, normalized<S>(t_.zs, side, n_.conv, true), d_mixed, u_.out_pixels());
    pointwise(u_.evolve, evolve, d_evolved_, unshuffled(u_.width), u_.out_pixels(),
              g_.evolve.weights);
    const Gradient<S> dzs =
        behind(u_.conv.bn, n_.conv, evolve.sums, unshuffled(side), g_.conv, d_mixed, t_.zs);

    S* d_merged = call_.scratch<S>(u_.pixels() * side);
    GradientEnd<S> conv =
        gradient_end(call_, normalized<S>(t_.zm, side, n_.merge, true), d_merged, u_.pixels());
    launch_window_gradients(call_, u_.conv.weights, u_.conv.layout, conv, dzs, u_.map, u_.pixels(),
                            g_.conv.weights);
    return behind(u_.merge.bn, n_.merge, conv.sums, unshuffled(side), g_.merge, d_merged, t_.zm);
  }

  // dz2 and dzm -> dz1, where z1's channels lie.
  Gradient<S> depthwise(const Gradient<S>& dz2, const Gradient<S>& dzm) {
    S* d_shuffled = call_.scratch<S>(u_.pixels() * u_.width);
    const Source<S> in = shuffled_source(u_, t_, n_);
    TileSums<T> sums = make_tile_sums<T>(call_, u_.pixels(), u_.width);
    depthwise_backward<S>(
        call_,
        {in, dz2, u_.depthwise, dzm, u_.merge.weights, u_.side, d_shuffled, g_.depthwise.weights},
        u_.map, u_.batch, sums);
    if (u_.side > 0) {
      GradientEnd<S> weights{};
      weights.in = in;
      pointwise(u_.merge, weights, dzm, unshuffled(u_.side), u_.pixels(), g_.merge.weights);
    }
    return behind(u_.compress.bn, n_.compress, sums, shuffle_of(u_), g_.compress, d_shuffled,
                  t_.z1);
  }

  void compress(const Gradient<S>& dz1) {
    GradientEnd<S> end = gradient_end(call_, raw<S>(t_.x, u_.in_channels), g_.x, u_.pixels());
    if (u_.expanded > 0 && down_) {
      launch_average_pool_gradient(call_, dy_, static_cast<const S*>(t_.y), y_stride_, u_.expanded,
                                   u_.in_channels, u_.map, g_.x, u_.pixels());
      end.accumulate = true;
    } else if (u_.expanded > 0) {
      end.residual = dy_;
      end.residual_mask = t_.y;
    }
    pointwise(u_.compress, end, dz1, shuffle_of(u_), u_.pixels(), g_.compress.weights);
  }

  // merge_evolve: the merge convolution's input h is a tensor of its own.
  void merge(const Gradient<S>& dzm) {
    GradientEnd<S> end = gradient_end(call_, raw<S>(t_.h, u_.width), g_.h, u_.pixels());
    pointwise(u_.merge, end, dzm, unshuffled(u_.side), u_.pixels(), g_.merge.weights);
  }

  Call& call_;
  const Unit<T>& u_;
  const UnitTensors<S>& t_;
  const S* dy_;
  const UnitGradients<S>& g_;
  const bool down_;
  const int64_t y_stride_;
  DeviceNormalizations<T> n_;
  S* d_residual_ = nullptr;
  Gradient<S> d_evolved_{};
};

}  // namespace

template <typename S>
void unit_backward_cuda(Call& call, const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                        const S* dy, const UnitGradients<S>& gradients) {
  Backward<S>(call, unit, tensors, dy, gradients).run();
}

template void unit_backward_cuda(Call&, const Unit<float>&, const UnitTensors<float>&, const float*,
                                 const UnitGradients<float>&);
template void unit_backward_cuda(Call&, const Unit<float>&, const UnitTensors<BFloat16>&,
                                 const BFloat16*, const UnitGradients<BFloat16>&);
template void unit_backward_cuda(Call&, const Unit<float>&, const UnitTensors<Float16>&,
                                 const Float16*, const UnitGradients<Float16>&);
#ifdef MENET_FLOAT64
template void unit_backward_cuda(Call&, const Unit<double>&, const UnitTensors<double>&,
                                 const double*, const UnitGradients<double>&);
#endif

}  // namespace menet
