#include <memory>

#include "kernels/conv3x3.h"
#include "kernels/depthwise.h"
#include "kernels/gate.h"
#include "kernels/gradient_passes.h"
#include "kernels/unit.h"

namespace menet {

namespace {

// The passes of the gradient, last convolution first. Gradients of normalised values
// ("da") live in scratch from the pass that makes them to the one that reads them.
template <typename S>
class Backward {
 public:
  using T = Compute<S>;

  Backward(const Unit<T>& unit, const UnitTensors<S>& tensors, const S* dy,
           const UnitGradients<S>& gradients, Device& device)
      : u_(unit),
        t_(tensors),
        dy_(dy),
        g_(gradients),
        runner_{device},
        n_(saved_normalizations(unit, tensors.statistics)),
        order_(shuffle_order(unit.width, unit.groups)),
        down_(unit.map.stride == 2),
        y_stride_(unit.expanded + (down_ ? unit.in_channels : 0)) {}

  void run() {
    std::unique_ptr<Scratch<S>> d_residual;
    std::unique_ptr<Scratch<S>> d_gate;
    std::unique_ptr<Scratch<S>> d_merged;
    Gradient<S> residual{};
    if (u_.expanded > 0 || u_.side > 0) {
      d_residual = activations(u_.out_pixels() * u_.width);
      if (u_.side > 0) d_gate = activations(u_.out_pixels() * u_.width);
      if (u_.expanded > 0) {
        residual = expand(d_residual->data(), d_gate ? d_gate->data() : nullptr);
      } else {
        residual = gate(d_residual->data(), d_gate->data());
      }
    } else {
      residual = {dy_, u_.width, nullptr, nullptr, u_.width, nullptr, nullptr, nullptr, nullptr};
    }
    Gradient<S> merged{};
    if (u_.side > 0) {
      d_merged = activations(u_.pixels() * u_.side);
      merged = branch(d_gate->data(), d_merged->data());
      d_gate.reset();
    }
    if (u_.depthwise != nullptr) {
      const auto d_shuffled = activations(u_.pixels() * u_.width);
      depthwise(residual, merged, d_shuffled->data());
      d_residual.reset();
      d_merged.reset();
      compress(d_shuffled->data());
    } else {
      merge(merged);
      runner_.run<T>(u_.out_pixels(), kTileRows, 0, [&](int64_t begin, int64_t end, int, T*) {
        MENET_SIMD(write_gradient<S>)(residual, g_.z2, begin, end);
      });
    }
  }

 private:
  using Convolution = typename Unit<T>::Convolution;
  using ConvolutionGradient = typename UnitGradients<S>::Convolution;

  std::unique_ptr<Scratch<S>> activations(int64_t size) const {
    return std::make_unique<Scratch<S>>(runner_.device, size);
  }

  std::unique_ptr<Scratch<T>> parameters(int64_t size) const {
    return std::make_unique<Scratch<T>>(runner_.device, size);
  }

  std::unique_ptr<Scratch<T>> transposed(const Convolution& convolution) const {
    auto packed = parameters(transposed_size(convolution.layout));
    pack_transposed(convolution.layout, convolution.weights, packed->data());
    return packed;
  }

  NormalizationGradient<T> normalization_gradient(const BatchNorm<T>& bn, const Normalization<T>& n,
                                                  const ThreadSums<T>& sums, int64_t pixels,
                                                  const ConvolutionGradient& out,
                                                  const int32_t* order = nullptr) const {
    return batch_norm_gradient(bn, n, sums, pixels, order, out.scale, out.offset);
  }

  void pointwise(const PointwiseBackward<S>& args, const WeightLayout& layout, T* d_weights,
                 ThreadSums<T>* sums, ThreadSums<T>* gate_sums, int64_t pixels) const {
    run_pointwise_backward(runner_, args, layout, pixels, d_weights, sums, gate_sums);
  }

  // dy -> dz3 -> gradients of the normalised z2 and of the gate.
  Gradient<S> expand(S* d_residual, S* d_gate) {
    const int64_t pixels = u_.out_pixels();
    Gradient<S> dz3{dy_, y_stride_, t_.y, t_.z3, u_.expanded, nullptr, nullptr, nullptr, nullptr};
    d_expand_ = join_gradient(runner_, dz3, u_.expand.bn, n_.expand, pixels, g_.expand.scale,
                              g_.expand.offset);
    dz3 = behind(d_expand_, dz3);
    const auto weights = transposed(u_.expand);
    const bool gated = u_.side > 0;

    const PointwiseBackward<S> args{residual_source(u_, t_, n_),
                                    dz3,
                                    u_.expand.layout.groups,
                                    weights->data(),
                                    nullptr,
                                    d_residual,
                                    d_gate,
                                    false,
                                    nullptr,
                                    nullptr};
    ThreadSums<T> residual_sums(runner_.threads(), u_.width);
    ThreadSums<T> gate_sums(gated ? runner_.threads() : 0, u_.width);
    pointwise(args, u_.expand.layout, g_.expand.weights, &residual_sums,
              gated ? &gate_sums : nullptr, pixels);
    return finish_gate(d_residual, residual_sums, gate_sums);
  }

  // The same for merge_evolve, whose output is the gated branch itself.
  Gradient<S> gate(S* d_residual, S* d_gate) {
    const GateGradient<S> args{residual_source(u_, t_, n_), dy_, d_residual, d_gate};
    ThreadSums<T> sums(runner_.threads(), u_.width);
    ThreadSums<T> gate_sums(runner_.threads(), u_.width);
    runner_.run<T>(u_.out_pixels(), kTileRows, gate_gradient_scratch(u_.width),
                   [&](int64_t begin, int64_t end, int thread, T* rows) {
                     MENET_SIMD(gate_gradient<S>)
                     (args, begin, end, sums[thread], gate_sums[thread], rows);
                   });
    return finish_gate(d_residual, sums, gate_sums);
  }

  Gradient<S> finish_gate(const S* d_residual, const ThreadSums<T>& sums,
                          const ThreadSums<T>& gate_sums) {
    const int64_t pixels = u_.out_pixels();
    d_depthwise_ =
        normalization_gradient(u_.bn_depthwise, n_.depthwise, sums, pixels, g_.depthwise);
    if (u_.side > 0) {
      d_evolve_ = normalization_gradient(u_.evolve.bn, n_.evolve, gate_sums, pixels, g_.evolve);
    }
    return behind(d_depthwise_, d_residual, static_cast<const S*>(t_.z2), u_.width);
  }

  // d_gate -> dze -> dzs -> the gradient of the normalised zm, in d_merged.
  Gradient<S> branch(const S* d_gate, S* d_merged) {
    const int64_t side = u_.side;
    const auto d_mixed = activations(u_.out_pixels() * side);
    const auto evolve = transposed(u_.evolve);
    const PointwiseBackward<S> args{normalized<S>(t_.zs, side, n_.conv, true),
                                    behind<S>(d_evolve_, d_gate, t_.ze, u_.width),
                                    1,
                                    evolve->data(),
                                    nullptr,
                                    d_mixed->data(),
                                    nullptr,
                                    false,
                                    nullptr,
                                    nullptr};
    ThreadSums<T> sums(runner_.threads(), side);
    pointwise(args, u_.evolve.layout, g_.evolve.weights, &sums, nullptr, u_.out_pixels());
    const auto d_conv = normalization_gradient(u_.conv.bn, n_.conv, sums, u_.out_pixels(), g_.conv);
    conv(behind<S>(d_conv, d_mixed->data(), t_.zs, side), d_merged);
    return behind<S>(d_merge_, d_merged, t_.zm, side);
  }

  void conv(const Gradient<S>& dz, S* d_merged) {
    const int64_t side = u_.side;
    // One transposed matrix for each kernel row: [3][side][pad(3 * side)].
    const WeightLayout row{1, 3 * side, side};
    const auto weights = parameters(3 * transposed_size(row));
    for (int64_t k = 0; k < 3; ++k) {
      pack_transposed(row, u_.conv.weights + k * 3 * side * side,
                      weights->data() + k * transposed_size(row));
    }
    const Conv3x3Backward<S, S> args{normalized<S>(t_.zm, side, n_.merge, true), u_.map, dz,
                                     weights->data(), d_merged};
    const ThreadGradients<T> accumulators(runner_, packed_size(u_.conv.layout));
    ThreadSums<T> sums(runner_.threads(), side);
    runner_.run<T>(u_.batch, 1, conv3x3_backward_scratch(u_.map, side, side),
                   [&](int64_t begin, int64_t end, int thread, T* tile) {
                     MENET_SIMD(conv3x3_backward<S, S>)
                     (args, begin, end, accumulators.of(thread), &sums[thread], tile);
                   });
    unpack(u_.conv.layout, accumulators.total(), g_.conv.weights);
    d_merge_ = normalization_gradient(u_.merge.bn, n_.merge, sums, u_.pixels(), g_.merge);
  }

  // dz2 and dzm -> the gradient of the normalised z1, shuffled.
  void depthwise(const Gradient<S>& dz2, const Gradient<S>& dzm, S* d_shuffled) {
    const WeightLayout taps{1, 9, u_.width};
    const auto weights = parameters(packed_size(taps));
    pack(taps, u_.depthwise, weights->data());
    const auto merge = u_.side > 0 ? transposed(u_.merge) : parameters(1);
    const DepthwiseBackward<S> args{
        shuffled_source(u_, t_, n_), u_.map, dz2, weights->data(), dzm, merge->data(), d_shuffled};
    const ThreadGradients<T> d_weights(runner_, packed_size(taps));
    const ThreadGradients<T> d_merge(runner_, u_.side > 0 ? packed_size(u_.merge.layout) : 1);
    ThreadSums<T> sums(runner_.threads(), u_.width);
    runner_.run<T>(u_.batch * depthwise_blocks(u_.map), 1,
                   depthwise_backward_scratch(u_.map, u_.width, u_.side),
                   [&](int64_t begin, int64_t end, int thread, T* tile) {
                     MENET_SIMD(depthwise_backward<S>)
                     (args, begin, end, d_weights.of(thread), d_merge.of(thread), &sums[thread],
                      tile);
                   });
    unpack(taps, d_weights.total(), g_.depthwise.weights);
    if (u_.side > 0) unpack(u_.merge.layout, d_merge.total(), g_.merge.weights);
    d_compress_ = normalization_gradient(u_.compress.bn, n_.compress, sums, u_.pixels(),
                                         g_.compress, order_.data());
  }

  void compress(const S* d_shuffled) {
    const auto weights = transposed(u_.compress);
    PointwiseBackward<S> args{raw<S>(t_.x, u_.in_channels),
                              behind<S>(d_compress_, d_shuffled, t_.z1, u_.width),
                              u_.compress.layout.groups,
                              weights->data(),
                              order_.data(),
                              g_.x,
                              nullptr,
                              false,
                              nullptr,
                              nullptr};
    if (u_.expanded > 0 && down_) {
      const AveragePoolGradient<S> pool{
          dy_ + u_.expanded, t_.y + u_.expanded, y_stride_, u_.in_channels, u_.map, g_.x};
      runner_.run<T>(u_.batch * u_.map.height, 1, 0, [&](int64_t begin, int64_t end, int, T*) {
        MENET_SIMD(average_pool_gradient<S>)(pool, begin, end);
      });
      args.accumulate = true;
    } else if (u_.expanded > 0) {
      args.residual = dy_;
      args.residual_mask = t_.y;
    }
    pointwise(args, u_.compress.layout, g_.compress.weights, nullptr, nullptr, u_.pixels());
  }

  // merge_evolve: the merge convolution's input h is a tensor of its own.
  void merge(const Gradient<S>& dz) {
    const auto weights = transposed(u_.merge);
    const PointwiseBackward<S> args{raw<S>(t_.h, u_.width),
                                    dz,
                                    1,
                                    weights->data(),
                                    nullptr,
                                    g_.h,
                                    nullptr,
                                    false,
                                    nullptr,
                                    nullptr};
    pointwise(args, u_.merge.layout, g_.merge.weights, nullptr, nullptr, u_.pixels());
  }

  const Unit<T>& u_;
  const UnitTensors<S>& t_;
  const S* dy_;
  const UnitGradients<S>& g_;
  Runner runner_;
  UnitNormalizations<T> n_;
  std::vector<int32_t> order_;
  bool down_;
  int64_t y_stride_;
  NormalizationGradient<T> d_expand_, d_depthwise_, d_evolve_, d_merge_, d_compress_;
};

}  // namespace

template <typename S>
void unit_backward(const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors, const S* dy,
                   const UnitGradients<S>& gradients, Device& device) {
  Backward<S>(unit, tensors, dy, gradients, device).run();
}

#define INSTANTIATE(S)                                                                  \
  template void unit_backward(const Unit<Compute<S>>&, const UnitTensors<S>&, const S*, \
                              const UnitGradients<S>&, Device&);
MENET_FOR_STORAGE(INSTANTIATE)

}  // namespace menet
