// MobileNet's block: depthwise 3×3, batch norm, relu, pointwise 1×1, batch norm, relu.
//
//   DepthwiseSeparable(x, depthwise [3,3,C,1], its batch norm, pointwise [1,1,C,K], its batch norm)
//     -> y, and in training form z1 (raw depthwise), z2 (raw pointwise) and statistics
//   DepthwiseSeparableGrad(dy, y, the inputs, z1, z2, statistics)
//     -> gradients of x, depthwise, its scale and offset, pointwise, its scale and offset
//
// A batch norm is scale, offset, mean, variance; training updates the last two in place.
// Attributes: strides, training.
#include "ops/depthwise_separable.h"

#include "kernels/depthwise.h"
#include "kernels/gradient_passes.h"

namespace menet {

namespace {

using namespace separable_inputs;

std::vector<TensorType> infer(const Call& call) {
  std::vector<TensorType> types;
  by_storage_type(call, [&](auto type) {
    using S = decltype(type);
    constexpr DType dtype = DTypeOf<S>::value;
    call.expect_inputs(kZ1 - kX);
    const Separable<S> s = read_separable<S>(call, 0);
    types = {{dtype, s.y()}};
    if (!call.attributes.flag("training")) return;
    types.push_back({dtype, s.z1()});
    types.push_back({dtype, s.y()});
    types.push_back({DTypeOf<Compute<S>>::value, s.statistics()});
  });
  return types;
}

template <typename S, typename T = Compute<S>>
void run_training(Call& call, const Separable<S>& s, const T* taps, const T* weights) {
  const Runner runner{call.device()};
  S* z1 = call.outputs[1].as<S>();
  S* z2 = call.outputs[2].as<S>();
  const DepthwiseForward<S> depthwise{raw<S>(s.x, s.in()), s.map, taps, z1};
  const Normalization<T> n1 =
      measured(runner, s.bn_depthwise, s.out_pixels(), s.out_rows(), 1,
               depthwise_forward_scratch(s.map, s.in()),
               [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
                 MENET_SIMD(depthwise_forward<S>)(depthwise, begin, end, sums, tile);
               });
  PointwiseForward<S> pointwise{};
  pointwise.in = normalized<S>(z1, s.in(), n1, true);
  pointwise.out_channels = s.out();
  pointwise.groups = 1;
  pointwise.weights = weights;
  pointwise.out = z2;
  pointwise.out_stride = s.out();
  const Normalization<T> n2 =
      measured(runner, s.pointwise.bn, s.out_pixels(), s.out_pixels(), kTileRows,
               pointwise_forward_scratch(s.in(), s.out(), 1),
               [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
                 MENET_SIMD(pointwise_forward<S>)(pointwise, begin, end, sums, tile);
               });
  const Join<S> joined{normalized<S>(z2, s.out(), n2, false), nullptr, call.outputs[0].as<S>(),
                       s.out()};
  runner.run<T>(s.out_pixels(), kTileRows, 0, [&](int64_t begin, int64_t end, int, T*) {
    MENET_SIMD(join<S>)(joined, begin, end);
  });
  save(n2, save(n1, call.outputs[3].as<T>()));
}

// A block of rows at a time through both convolutions, so that z1 stays in cache.
template <typename S, typename T = Compute<S>>
void run_inference(Call& call, const Separable<S>& s, const T* taps, const T* weights) {
  const Normalization<T> n1 = running_normalization(s.bn_depthwise);
  const Normalization<T> n2 = running_normalization(s.pointwise.bn);
  S* y = call.outputs[0].as<S>();
  const int64_t width = s.map.out_width;
  const int64_t most_rows = std::max(kDepthwiseRows, tile_rows(s.in(), s.out(), 1) / width);
  const int64_t z1_size = pad(most_rows * width * s.in());
  const int64_t tile_size = std::max(depthwise_forward_scratch(s.map, s.in()),
                                     pointwise_forward_scratch(s.in(), s.out(), 1));
  const auto body = [&](int64_t begin, int64_t end, int, T* memory) {
    S* z1 = reinterpret_cast<S*>(memory);
    T* tile = memory + z1_size;
    for (int64_t top = begin; top < end;) {
      const int64_t blocks = (end - top + most_rows - 1) / most_rows;  // even ones
      const int64_t rows = (end - top + blocks - 1) / blocks;
      const DepthwiseForward<S> depthwise{raw<S>(s.x, s.in()), s.map, taps, z1, top};
      MENET_SIMD(depthwise_forward<S>)(depthwise, top, top + rows, nullptr, tile);
      const PointwiseForward<S> pointwise{normalized<S>(z1, s.in(), n1, true),
                                          s.out(),
                                          1,
                                          weights,
                                          nullptr,
                                          y + top * width * s.out(),
                                          s.out(),
                                          n2.mean.data(),
                                          n2.scale.data(),
                                          n2.offset.data(),
                                          nullptr};
      MENET_SIMD(pointwise_forward<S>)(pointwise, 0, rows * width, nullptr, tile);
      top += rows;
    }
  };
  const int64_t grain = std::max<int64_t>(1, kTileRows / width);
  Runner{call.device()}.run<T>(s.out_rows(), grain, z1_size + tile_size, body);
}

void run(Call& call) {
  by_storage_type(call, [&](auto type) {
    using S = decltype(type);
    using T = Compute<S>;
    const Separable<S> s = read_separable<S>(call, 0);
    const Scratch<T> taps(call.device(), packed_size(s.taps()));
    const Scratch<T> weights(call.device(), packed_size(s.pointwise.layout));
    pack(s.taps(), s.depthwise, taps.data());
    pack(s.pointwise.layout, s.pointwise.weights, weights.data());
    if (call.attributes.flag("training")) {
      run_training<S>(call, s, taps.data(), weights.data());
    } else {
      run_inference<S>(call, s, taps.data(), weights.data());
    }
  });
}

std::vector<TensorType> infer_gradient(const Call& call) {
  std::vector<TensorType> types;
  by_storage_type(call, [&](auto type) {
    using S = decltype(type);
    call.expect_inputs(kInputs);
    const Separable<S> s = read_separable<S>(call, kX);
    InputReader<S> outputs(call, kDy);
    for (const char* name : {"dy", "y"}) outputs.activation(name, s.y());
    InputReader<S> saved(call, kZ1);
    saved.activation("z1", s.z1());
    saved.activation("z2", s.y());
    saved.parameter("statistics", s.statistics());
    for (size_t input : {2, 3, 4, 5, 8, 9, 10}) types.push_back(call.inputs[input]);
  });
  return types;
}

// dy -> dz2 -> the gradient of the normalised z1 before relu, in d_hidden.
template <typename S, typename T = Compute<S>>
NormalizationGradient<T> pointwise_gradient(Call& call, const Separable<S>& s,
                                            const Normalization<T>& n1, const Normalization<T>& n2,
                                            S* d_hidden) {
  const Runner runner{call.device()};
  const S* z1 = call.inputs[kZ1].as<S>();
  Gradient<S> dz2{};
  dz2.da = call.inputs[kDy].as<S>();
  dz2.mask = call.inputs[kY].as<S>();
  dz2.z = call.inputs[kZ2].as<S>();
  dz2.da_stride = dz2.channels = s.out();
  const NormalizationGradient<T> g2 =
      join_gradient(runner, dz2, s.pointwise.bn, n2, s.out_pixels(), call.outputs[5].as<T>(),
                    call.outputs[6].as<T>());
  dz2 = behind(g2, dz2);
  const Scratch<T> weights(call.device(), transposed_size(s.pointwise.layout));
  pack_transposed(s.pointwise.layout, s.pointwise.weights, weights.data());
  PointwiseBackward<S> args{};
  args.in = normalized<S>(z1, s.in(), n1, true);
  args.out = dz2;
  args.groups = 1;
  args.weights = weights.data();
  args.d_in = d_hidden;
  ThreadSums<T> sums(runner.threads(), s.in());
  run_pointwise_backward(runner, args, s.pointwise.layout, s.out_pixels(), call.outputs[4].as<T>(),
                         &sums);
  return batch_norm_gradient(s.bn_depthwise, n1, sums, s.out_pixels(), nullptr,
                             call.outputs[2].as<T>(), call.outputs[3].as<T>());
}

template <typename S>
void run_gradient_typed(Call& call) {
  using T = Compute<S>;
  const Separable<S> s = read_separable<S>(call, kX);
  const Runner runner{call.device()};
  const T* statistics = call.inputs[kStatistics].as<T>();
  const Normalization<T> n1 = saved_normalization(s.bn_depthwise, statistics);
  const Normalization<T> n2 = saved_normalization(s.pointwise.bn, statistics + 2 * s.in());
  const Scratch<S> d_hidden(call.device(), s.out_pixels() * s.in());
  const NormalizationGradient<T> g1 = pointwise_gradient(call, s, n1, n2, d_hidden.data());

  const Scratch<T> taps(call.device(), packed_size(s.taps()));
  pack(s.taps(), s.depthwise, taps.data());
  const S* z1 = call.inputs[kZ1].as<S>();
  const DepthwiseBackward<S> args{raw<S>(s.x, s.in()),
                                  s.map,
                                  behind<S>(g1, d_hidden.data(), z1, s.in()),
                                  taps.data(),
                                  {},
                                  nullptr,
                                  call.outputs[0].as<S>()};
  const ThreadGradients<T> d_taps(runner, packed_size(s.taps()));
  runner.run<T>(s.batch * depthwise_blocks(s.map), 1, depthwise_backward_scratch(s.map, s.in(), 0),
                [&](int64_t begin, int64_t end, int thread, T* tile) {
                  MENET_SIMD(depthwise_backward<S>)
                  (args, begin, end, d_taps.of(thread), nullptr, nullptr, tile);
                });
  unpack(s.taps(), d_taps.total(), call.outputs[1].as<T>());
}

void run_gradient(Call& call) {
  by_storage_type(call, [&](auto type) { run_gradient_typed<decltype(type)>(call); });
}

const RegisterOp forward({"DepthwiseSeparable", infer, run, nullptr, kTakesHalf});
const RegisterOp gradient({"DepthwiseSeparableGrad", infer_gradient, run_gradient, nullptr,
                           kTakesHalf});

}  // namespace

}  // namespace menet
