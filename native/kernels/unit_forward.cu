#include "kernels/device_average_pool.h"
#include "kernels/device_forward.h"
#include "kernels/unit_cuda.h"
#include "kernels/unit_inference.h"
#include "kernels/unit_sources.h"

namespace menet {

namespace {

template <typename S>
class Forward {
 public:
  using T = Compute<S>;

  Forward(Call& call, const Unit<T>& unit, const UnitTensors<S>& tensors)
      : call_(call), u_(unit), t_(tensors), statistics_(tensors.statistics) {
    if (statistics_ == nullptr) place_scratch();
  }

  void run() {
    if (t_.x != nullptr) compress();
    if (u_.depthwise != nullptr) depthwise();
    if (t_.h != nullptr && has_tail()) measure_residual();
    if (u_.side > 0) branch();
    if (u_.expanded > 0) return expand();
    if (t_.y == nullptr) return;
    u_.side > 0 ? store_residual<true>() : store_residual<false>();
  }

 private:
  using Convolution = typename Unit<T>::Convolution;

  bool training() const { return statistics_ != nullptr; }
  bool has_tail() const { return u_.side > 0 || u_.expanded > 0; }

  // The inference form keeps its raw tensors to itself.
  void place_scratch() {
    const auto place = [&](S*& z, int64_t size) {
      if (z == nullptr && size > 0) z = call_.scratch<S>(size);
    };
    if (t_.x != nullptr) place(t_.z1, u_.pixels() * u_.width);
    if (u_.depthwise != nullptr) place(t_.z2, u_.out_pixels() * u_.width);
    place(t_.zm, u_.pixels() * u_.side);
    place(t_.zs, u_.out_pixels() * u_.side);
    place(t_.ze, u_.side > 0 ? u_.out_pixels() * u_.width : 0);
  }

  // As measured(); the statistics go behind those of the batch norm before.
  template <typename Pass>
  DeviceNormalization<T> normalization(const BatchNorm<T>& bn, int64_t pixels,
                                       const Shuffle& shuffle, const Pass& pass) {
    if (bn.channels == 0) {
      TileSums<T> none;
      pass(none);
      return {};
    }
    T* saved = statistics_;
    if (training()) statistics_ += 2 * bn.channels;
    return measured(call_, bn, pixels, shuffle, saved, pass);
  }

  // A 1x1 convolution from `in` to z.
  void pointwise(const Source<S>& in, const Convolution& w, int64_t pixels, S* z,
                 const Shuffle& shuffle, DeviceNormalization<T>& n) {
    const int64_t channels = w.layout.groups * w.layout.channels;
    n = normalization(w.bn, pixels, shuffle, [&](TileSums<T>& moments) {
      ProductEnd<S> end{z, channels, shuffle, moments};
      launch_pointwise(call_, in, w.weights, w.layout, end, pixels);
      moments = end.moments;
    });
  }

  void compress() {
    pointwise(raw<S>(t_.x, u_.in_channels), u_.compress, u_.pixels(), t_.z1, shuffle_of(u_),
              n_.compress);
  }

  void depthwise() {
    n_.depthwise = normalization(u_.bn_depthwise, u_.out_pixels(), unshuffled(u_.width),
                                 [&](TileSums<T>& moments) {
                                   depthwise_forward(call_, shuffled_source(u_, t_, n_), u_.map,
                                                     u_.batch, u_.depthwise, t_.z2, moments);
                                 });
  }

  // The op merge_evolve gets z2 from outside: its statistics are a pass of their own.
  void measure_residual() {
    const Shuffle straight = unshuffled(u_.width);
    n_.depthwise =
        normalization(u_.bn_depthwise, u_.out_pixels(), straight, [&](const TileSums<T>& moments) {
          if (moments.first == nullptr) return;
          launch_tile_map<T>(call_, SourceAt<S>{raw<S>(t_.z2, u_.width)},
                             StoreEnd<S>{nullptr, u_.width, straight, moments}, u_.out_pixels(),
                             u_.width);
        });
  }

  void branch() {
    const int64_t side = u_.side;
    const Shuffle straight = unshuffled(side);
    pointwise(shuffled_source(u_, t_, n_), u_.merge, u_.pixels(), t_.zm, straight, n_.merge);
    n_.conv = normalization(u_.conv.bn, u_.out_pixels(), straight, [&](TileSums<T>& moments) {
      ProductEnd<S> end{t_.zs, side, straight, moments};
      launch_window(call_, normalized<S>(t_.zm, side, n_.merge, true), u_.map, u_.conv.weights,
                    u_.conv.layout, end, u_.out_pixels());
      moments = end.moments;
    });
    pointwise(normalized<S>(t_.zs, side, n_.conv, true), u_.evolve, u_.out_pixels(), t_.ze,
              unshuffled(u_.width), n_.evolve);
  }

  template <bool gated>
  void store_residual() {
    const Join<S, gated> store{residual_source(u_, t_, n_), nullptr, t_.y, u_.width, false};
    launch_join(call_, store, u_.out_pixels());
  }

  void expand() {
    const bool down = u_.map.stride == 2;
    const int64_t pixels = u_.out_pixels();
    const int64_t stride = u_.expanded + (down ? u_.in_channels : 0);
    const S* shortcut = down ? nullptr : t_.x;
    const Source<S> in = residual_source(u_, t_, n_);
    if (training()) {
      pointwise(in, u_.expand, pixels, t_.z3, unshuffled(u_.expanded), n_.expand);
      launch_join(call_,
                  Join<S>{normalized<S>(t_.z3, u_.expanded, n_.expand, false), shortcut, t_.y,
                          stride, true},
                  pixels);
    } else {
      const auto n = running_normalization(call_, u_.expand.bn, unshuffled(u_.expanded));
      ProductEnd<S> end{t_.y,     stride,  unshuffled(u_.expanded), {}, n.mean, n.scale,
                        n.offset, shortcut};
      launch_pointwise(call_, in, u_.expand.weights, u_.expand.layout, end, pixels);
    }
    if (!down) return;
    launch_average_pool(call_, t_.x, u_.in_channels, u_.map, t_.y, stride, u_.expanded, pixels);
  }

  Call& call_;
  const Unit<T>& u_;
  UnitTensors<S> t_;
  T* statistics_;  // where the next batch norm's go
  DeviceNormalizations<T> n_;
};

}  // namespace

template <typename S>
void unit_forward_cuda(Call& call, const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors) {
  if (tensors.statistics == nullptr && unit_inference_cuda(call, unit, tensors)) return;
  Forward<S>(call, unit, tensors).run();
}

template void unit_forward_cuda(Call&, const Unit<float>&, const UnitTensors<float>&);
template void unit_forward_cuda(Call&, const Unit<float>&, const UnitTensors<BFloat16>&);
template void unit_forward_cuda(Call&, const Unit<float>&, const UnitTensors<Float16>&);
#ifdef MENET_FLOAT64
template void unit_forward_cuda(Call&, const Unit<double>&, const UnitTensors<double>&);
#endif

}  // namespace menet
