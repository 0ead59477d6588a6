// Stem: 3×3 convolution with stride 2, batch norm, relu and, where attribute pooling is set,
// 3×3 max pooling with stride 2.
//
//   Stem(x, conv [3,3,Cin,C], scale, offset, mean, variance) -> y, and in training form
//     z (raw convolution) and statistics
//   StemGrad(dy, y, x, conv, scale, offset, mean, variance, z, statistics)
//     -> gradients of conv, scale, offset, and of x where attribute inputGradient is set
//
// y, z and dy are stored as x is or, where x is float32, as attribute storage says (float32 |
// bfloat16 | float16).
#include "ops/stem.h"

#include "kernels/batch_norm.h"
#include "kernels/conv3x3.h"
#include "kernels/gradient_passes.h"
#include "kernels/unit.h"

namespace menet {

namespace {

Map halved(int64_t height, int64_t width) {
  return {height, width, 2, (height + 1) / 2, (width + 1) / 2};
}

}  // namespace

StemShape stem_shape(const Call& call, size_t first) {
  call.expect(call.inputs.size() >= first + 6, "expected x, conv and a batch norm, got ",
              call.inputs.size(), " inputs");
  call.expect_rank(first, "x", 4);
  call.expect_rank(first + 1, "conv", 4);
  const Shape& x = call.inputs[first].shape;
  const int64_t channels = call.inputs[first + 1].dim(3);
  call.expect(size_of(x) > 0 && channels > 0, "x: expected sizes above 0, got ", to_string(x));
  call.expect_shape(first + 1, "conv", {3, 3, x[3], channels});
  call.expect_activation(first, "x");
  const DType x_type = call.inputs[first].dtype;
  for (size_t i = first + 1; i < first + 6; ++i) {
    call.expect_dtype(i, i == first + 1 ? "conv" : "bn",
                      is_half(x_type) ? DType::kFloat32 : x_type);
  }
  for (size_t i = first + 2; i < first + 6; ++i) call.expect_shape(i, "bn", {channels});
  const Map conv = halved(x[1], x[2]);
  return {x[0],
          x[3],
          channels,
          conv,
          halved(conv.out_height, conv.out_width),
          call.attributes.flag("pooling")};
}

DType stem_storage(const Call& call, DType x) {
  if (!call.attributes.has("storage")) return x;
  const std::string& name = call.attributes.text("storage");
  call.expect(name == "float32" || name == "bfloat16" || name == "float16",
              "attribute storage: expected float32, bfloat16 or float16, got ", name);
  const DType dtype = name == "float32" ? x : dtype_from_name(name);
  call.expect(dtype == x || x == DType::kFloat32, "attribute storage: expected that of x, ",
              name_of(x), ", got ", name);
  call.expect(name != "float32" || !is_half(x), "attribute storage: expected that of x, ",
              name_of(x), ", got ", name);
  return dtype;
}

namespace {

using namespace stem_inputs;

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(6);
  const StemShape s = stem_shape(call, 0);
  const DType dtype = stem_storage(call, call.inputs[0].dtype);
  if (!call.attributes.flag("training")) return {{dtype, s.y()}};
  return {{dtype, s.y()}, {dtype, s.z()}, {call.inputs[1].dtype, {2 * s.channels}}};
}

// From the normalised convolution to y; where nothing is pooled, z may be y itself.
template <typename S>
void finish(const StemShape& s, const Source<S>& in, int64_t batch, S* y, const Runner& runner) {
  using T = Compute<S>;
  if (!s.pooling) {
    const Join<S> activation{in, nullptr, y, s.channels};
    const int64_t pixels = batch * s.conv.out_height * s.conv.out_width;
    return runner.run<T>(pixels, kTileRows, 0, [&](int64_t begin, int64_t end, int, T*) {
      MENET_SIMD(join<S>)(activation, begin, end);
    });
  }
  const MaxPool<S> pool{in, s.pool, y};
  runner.run<T>(batch * s.pool.out_height, 1, 0, [&](int64_t begin, int64_t end, int, T*) {
    MENET_SIMD(max_pool<S>)(pool, begin, end);
  });
}

template <typename X, typename S, typename T = Compute<S>>
void run_training(Call& call, const StemShape& s, const T* weights) {
  const Runner runner{call.device()};
  S* z = call.outputs[1].as<S>();
  const Conv3x3Forward<X, S> conv{raw<X>(call.inputs[0].as<X>(), s.in), s.conv, s.channels, weights,
                                  z};
  const Normalization<T> n =
      measured(runner, batch_norm_at<T>(call, 2, s.channels), s.pixels(),
               s.batch * s.conv.out_height, 1, conv3x3_forward_scratch(s.conv, s.in, s.channels),
               [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
                 MENET_SIMD(conv3x3_forward<X, S>)(conv, begin, end, sums, tile);
               });
  finish(s, normalized<S>(z, s.channels, n, true), s.batch, call.outputs[0].as<S>(), runner);
  save(n, call.outputs[2].as<T>());
}

// `batch` images through a raw convolution in z.
template <typename X, typename S, typename T = Compute<S>>
void run_images(const StemShape& s, const Normalization<T>& n, const T* weights, const X* x,
                int64_t batch, S* y, S* z, const Runner& runner) {
  const Conv3x3Forward<X, S> conv{raw<X>(x, s.in), s.conv, s.channels, weights, z};
  runner.run<T>(batch * s.conv.out_height, 1, conv3x3_forward_scratch(s.conv, s.in, s.channels),
                [&](int64_t begin, int64_t end, int, T* tile) {
                  MENET_SIMD(conv3x3_forward<X, S>)(conv, begin, end, nullptr, tile);
                });
  finish(s, normalized<S>(z, s.channels, n, true), batch, y, runner);
}

template <typename X, typename S, typename T = Compute<S>>
void run_inference(Call& call, const StemShape& s, const T* weights) {
  const Normalization<T> n = running_normalization(batch_norm_at<T>(call, 2, s.channels));
  const X* x = call.inputs[0].as<X>();
  S* y = call.outputs[0].as<S>();
  const int64_t z_size = s.pooling ? s.pixels() / s.batch * s.channels : 0;
  if (s.batch < thread_count()) {
    const Scratch<S> z(call.device(), z_size * s.batch);
    return run_images(s, n, weights, x, s.batch, y, s.pooling ? z.data() : y,
                      Runner{call.device()});
  }
  const int64_t x_size = s.conv.height * s.conv.width * s.in;
  const int64_t y_size = size_of(s.y()) / s.batch;
  Runner{call.device()}.run<S>(s.batch, 1, z_size, [&](int64_t begin, int64_t end, int, S* z) {
    for (int64_t i = begin; i < end; ++i) {
      S* out = y + i * y_size;
      run_images(s, n, weights, x + i * x_size, 1, out, s.pooling ? z : out,
                 Runner{call.device(), false});
    }
  });
}

template <typename X, typename S>
void run_typed(Call& call) {
  using T = Compute<S>;
  const StemShape s = stem_shape(call, 0);
  const Scratch<T> weights(call.device(), packed_size(s.weights()));
  pack(s.weights(), call.inputs[1].as<T>(), weights.data());
  if (call.attributes.flag("training")) {
    run_training<X, S>(call, s, weights.data());
  } else {
    run_inference<X, S>(call, s, weights.data());
  }
}

void run(Call& call) {
  with_stem_types(call.inputs[0].dtype, call.outputs[0].dtype,
                  [&](auto x, auto y) { run_typed<decltype(x), decltype(y)>(call); });
}

std::vector<TensorType> infer_gradient(const Call& call) {
  call.expect_inputs(kInputs);
  const StemShape s = stem_shape(call, kX);
  const DType dtype = call.inputs[kZ].dtype;
  call.expect(dtype == call.inputs[kX].dtype ||
                  (is_half(dtype) && call.inputs[kX].dtype == DType::kFloat32),
              "z: expected dtype ", name_of(call.inputs[kX].dtype), ", bfloat16 or float16, got ",
              name_of(dtype));
  call.expect_shape(kDy, "dy", s.y());
  call.expect_shape(kY, "y", s.y());
  call.expect_shape(kZ, "z", s.z());
  call.expect_shape(kStatistics, "statistics", {2 * s.channels});
  call.expect_dtype(kDy, "dy", dtype);
  call.expect_dtype(kY, "y", dtype);
  call.expect_dtype(kStatistics, "statistics", call.inputs[kConv].dtype);
  std::vector<TensorType> types{call.inputs[kConv], call.inputs[kBatchNorm],
                                call.inputs[kBatchNorm + 1]};
  if (call.attributes.flag("inputGradient")) types.push_back(call.inputs[kX]);
  return types;
}

// dz behind the batch norm, and what it is read from.
template <typename S>
struct StemGradient {
  std::unique_ptr<Scratch<S>> da;  // where there is pooling
  NormalizationGradient<Compute<S>> n;
  Gradient<S> dz;
};

template <typename S, typename T = Compute<S>>
void pool_gradient(Call& call, const StemShape& s, const BatchNorm<T>& bn,
                   const Normalization<T>& n, StemGradient<S>& g) {
  const Runner runner{call.device()};
  const S* z = call.inputs[kZ].as<S>();
  g.da = std::make_unique<Scratch<S>>(call.device(), s.pixels() * s.channels);
  const MaxPoolGradient<S> pool{normalized<S>(z, s.channels, n, true), s.pool,
                                call.inputs[kDy].as<S>(), g.da->data()};
  ThreadSums<T> sums(runner.threads(), s.channels);
  runner.run<T>(s.batch, 1, max_pool_gradient_scratch<S>(s.pool, s.channels),
                [&](int64_t begin, int64_t end, int thread, T* rows) {
                  MENET_SIMD(max_pool_gradient<S>)(pool, begin, end, sums[thread], rows);
                });
  g.n = batch_norm_gradient(bn, n, sums, s.pixels(), nullptr, call.outputs[1].as<T>(),
                            call.outputs[2].as<T>());
  g.dz = behind<S>(g.n, g.da->data(), z, s.channels);
}

// Without pooling: relu's mask is the sign of y.
template <typename S, typename T = Compute<S>>
void activation_gradient(Call& call, const StemShape& s, const BatchNorm<T>& bn,
                         const Normalization<T>& n, StemGradient<S>& g) {
  g.dz = {};
  g.dz.da = call.inputs[kDy].as<S>();
  g.dz.mask = call.inputs[kY].as<S>();
  g.dz.z = call.inputs[kZ].as<S>();
  g.dz.da_stride = g.dz.channels = s.channels;
  g.n = join_gradient(Runner{call.device()}, g.dz, bn, n, s.pixels(), call.outputs[1].as<T>(),
                      call.outputs[2].as<T>());
  g.dz = behind(g.n, g.dz);
}

template <typename X, typename S>
void run_gradient_typed(Call& call) {
  using T = Compute<S>;
  const StemShape s = stem_shape(call, kX);
  const Runner runner{call.device()};
  const BatchNorm<T> bn = batch_norm_at<T>(call, kBatchNorm, s.channels);
  const Normalization<T> n = saved_normalization(bn, call.inputs[kStatistics].as<const T>());
  StemGradient<S> g;
  if (s.pooling) {
    pool_gradient(call, s, bn, n, g);
  } else {
    activation_gradient(call, s, bn, n, g);
  }
  const Scratch<T> weights(call.device(), 3 * transposed_size(s.row()));
  for (int64_t k = 0; k < 3; ++k) {
    pack_transposed(s.row(), call.inputs[kConv].as<T>() + k * 3 * s.in * s.channels,
                    weights.data() + k * transposed_size(s.row()));
  }
  X* d_x = call.outputs.size() > 3 ? call.outputs[3].as<X>() : nullptr;
  const Conv3x3Backward<X, S> conv{raw<X>(call.inputs[kX].as<X>(), s.in), s.conv, g.dz,
                                   weights.data(), d_x};
  const ThreadGradients<T> d_weights(runner, packed_size(s.weights()));
  runner.run<T>(s.batch, 1, conv3x3_backward_scratch(s.conv, s.in, s.channels),
                [&](int64_t begin, int64_t end, int thread, T* tile) {
                  MENET_SIMD(conv3x3_backward<X, S>)
                  (conv, begin, end, d_weights.of(thread), nullptr, tile);
                });
  unpack(s.weights(), d_weights.total(), call.outputs[0].as<T>());
}

void run_gradient(Call& call) {
  with_stem_types(call.inputs[kX].dtype, call.inputs[kZ].dtype,
                  [&](auto x, auto y) { run_gradient_typed<decltype(x), decltype(y)>(call); });
}

const RegisterOp forward({"Stem", infer, run, nullptr, kTakesHalf});
const RegisterOp gradient({"StemGrad", infer_gradient, run_gradient, nullptr, kTakesHalf});

}  // namespace

}  // namespace menet
