#include "kernels/device_backward.h"
#include "kernels/unit_cuda.h"
#include "kernels/unit_sources.h"

namespace menet {

namespace {

// d_x of average_pool: dy where y > 0, both of stride `stride` and from channel `first` on.
template <typename T>
__global__ void average_pool_gradient(const T* dy, const T* y, int64_t stride, int64_t first,
                                      int64_t channels, Map map, T* d_x, int64_t count) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int64_t pixel = e / channels, c = e % channels;
    const MapPixel p(pixel, map.height, map.width);
    T sum = 0;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t from = output_over(map, p, tap);
      if (from < 0) continue;
      const int64_t at = from * stride + first + c;
      if (y[at] > 0) sum += dy[at];
    }
    d_x[e] = sum / T(9);
  }
}

// The passes of the gradient, last convolution first.
template <typename T>
class Backward {
 public:
  Backward(Call& call, const Unit<T>& unit, const UnitTensors<T>& tensors, const T* dy,
           const UnitGradients<T>& gradients)
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
    Gradient<T> residual = plain_gradient(dy_, u_.width);
    Gradient<T> merged{};
    if (u_.expanded > 0 || u_.side > 0) residual = tail();
    if (u_.side > 0) merged = branch();
    if (u_.depthwise != nullptr) {
      compress(depthwise(residual, merged));
    } else {
      merge(merged);
      launch_tile_map<T>(call_, GradientAt<T>{residual},
                         StoreEnd<T>{g_.z2, u_.width, unshuffled(u_.width), {}}, u_.out_pixels(),
                         u_.width);
    }
  }

 private:
  using Convolution = typename Unit<T>::Convolution;
  using ConvolutionGradient = typename UnitGradients<T>::Convolution;

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

  Gradient<T> behind(const BatchNorm<T>& bn, const DeviceNormalization<T>& n,
                     const TileSums<T>& sums, const Shuffle& shuffle,
                     const ConvolutionGradient& out, const T* da, const T* z) {
    return menet::behind<T>(call_, bn, n, sums, shuffle, {out.scale, out.offset}, da, z);
  }

  // Both gradients of a 1x1 convolution.
  void pointwise(const Convolution& w, GradientEnd<T>& end, const Gradient<T>& dz,
                 const Shuffle& shuffle, int64_t pixels, T* d_weights) {
    launch_pointwise_gradients(call_, w.weights, w.layout, end, dz, shuffle, pixels, d_weights);
  }

  // dy -> the gradients of the normalised z2 and of the gate; returns dz2.
  Gradient<T> tail() {
    const int64_t pixels = u_.out_pixels();
    d_residual_ = call_.scratch<T>(pixels * u_.width);
    GradientEnd<T> end = gradient_end(call_, residual_source(u_, t_, n_), d_residual_, pixels);
    if (u_.side > 0) {
      end.d_gate = call_.scratch<T>(pixels * u_.width);
      end.gate_sums = make_tile_sums<T>(call_, pixels, u_.width);
    }
    if (u_.expanded > 0) {
      pointwise(u_.expand, end, joined(), unshuffled(u_.expanded), pixels, g_.expand.weights);
    } else {
      launch_tile_map<T>(call_, GradientAt<T>{plain_gradient(dy_, u_.width)}, end, pixels,
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
  Gradient<T> joined() {
    return behind_join<T>(call_, u_.expand.bn, n_.expand, {g_.expand.scale, g_.expand.offset}, dy_,
                          t_.y, y_stride_, t_.z3, u_.out_pixels());
  }

  // dze -> dzs -> dzm.
  Gradient<T> branch() {
    const int64_t side = u_.side;
    T* d_mixed = call_.scratch<T>(u_.out_pixels() * side);
    GradientEnd<T> evolve =
        gradient_end(call_, normalized<T>(t_.zs, side, n_.conv, true), d_mixed, u_.out_pixels());
    pointwise(u_.evolve, evolve, d_evolved_, unshuffled(u_.width), u_.out_pixels(),
              g_.evolve.weights);
    const Gradient<T> dzs =
        behind(u_.conv.bn, n_.conv, evolve.sums, unshuffled(side), g_.conv, d_mixed, t_.zs);

    T* d_merged = call_.scratch<T>(u_.pixels() * side);
    GradientEnd<T> conv =
        gradient_end(call_, normalized<T>(t_.zm, side, n_.merge, true), d_merged, u_.pixels());
    launch_window_gradients(call_, u_.conv.weights, u_.conv.layout, conv, dzs, u_.map, u_.pixels(),
                            g_.conv.weights);
    return behind(u_.merge.bn, n_.merge, conv.sums, unshuffled(side), g_.merge, d_merged, t_.zm);
  }

  // dz2 and dzm -> dz1, where z1's channels lie.
  Gradient<T> depthwise(const Gradient<T>& dz2, const Gradient<T>& dzm) {
    T* d_shuffled = call_.scratch<T>(u_.pixels() * u_.width);
    const GradientEnd<T> end =
        gradient_end(call_, shuffled_source(u_, t_, n_), d_shuffled, u_.pixels());
    launch_tile_map<T>(
        call_, DepthwiseGradientAt<T>{dz2, u_.map, u_.depthwise, dzm, u_.merge.weights, u_.side},
        end, u_.pixels(), u_.width);
    launch_depthwise_weights(call_, end.in, dz2, u_.map, u_.out_pixels(), g_.depthwise.weights);
    if (u_.side > 0) {
      GradientEnd<T> weights{};
      weights.in = end.in;
      pointwise(u_.merge, weights, dzm, unshuffled(u_.side), u_.pixels(), g_.merge.weights);
    }
    return behind(u_.compress.bn, n_.compress, end.sums, shuffle_of(u_), g_.compress, d_shuffled,
                  t_.z1);
  }

  void compress(const Gradient<T>& dz1) {
    GradientEnd<T> end = gradient_end(call_, raw<T>(t_.x, u_.in_channels), g_.x, u_.pixels());
    if (u_.expanded > 0 && down_) {
      const int64_t count = u_.pixels() * u_.in_channels;
      launch(call_, average_pool_gradient<T>, grid_for(count), dy_, static_cast<const T*>(t_.y),
             y_stride_, u_.expanded, u_.in_channels, u_.map, g_.x, count);
      end.accumulate = true;
    } else if (u_.expanded > 0) {
      end.residual = dy_;
      end.residual_mask = t_.y;
    }
    pointwise(u_.compress, end, dz1, shuffle_of(u_), u_.pixels(), g_.compress.weights);
  }

  // merge_evolve: the merge convolution's input h is a tensor of its own.
  void merge(const Gradient<T>& dzm) {
    GradientEnd<T> end = gradient_end(call_, raw<T>(t_.h, u_.width), g_.h, u_.pixels());
    pointwise(u_.merge, end, dzm, unshuffled(u_.side), u_.pixels(), g_.merge.weights);
  }

  Call& call_;
  const Unit<T>& u_;
  const UnitTensors<T>& t_;
  const T* dy_;
  const UnitGradients<T>& g_;
  const bool down_;
  const int64_t y_stride_;
  DeviceNormalizations<T> n_;
  T* d_residual_ = nullptr;
  Gradient<T> d_evolved_{};
};

}  // namespace

template <typename S>
void unit_backward_cuda(Call& call, const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                        const S* dy, const UnitGradients<S>& gradients) {
  Backward<S>(call, unit, tensors, dy, gradients).run();
}

template void unit_backward_cuda(Call&, const Unit<float>&, const UnitTensors<float>&, const float*,
                                 const UnitGradients<float>&);
#ifdef MENET_FLOAT64
template void unit_backward_cuda(Call&, const Unit<double>&, const UnitTensors<double>&,
                                 const double*, const UnitGradients<double>&);
#endif

}  // namespace menet
