// Stem: 3×3 convolution with stride 2, batch norm, relu and, where attribute pooling is set,
// 3×3 max pooling with stride 2.
//
//   Stem(x, conv [3,3,Cin,C], scale, offset, mean, variance) -> y, and in training form
//     z (raw convolution) and statistics
//   StemGrad(dy, y, x, conv, scale, offset, mean, variance, z, statistics)
//     -> gradients of conv, scale, offset, and of x where attribute inputGradient is set
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
  for (size_t i = first + 2; i < first + 6; ++i) call.expect_shape(i, "bn", {channels});
  for (size_t i = first; i < first + 6; ++i)
    call.expect_dtype(i, "input", call.inputs[first].dtype);
  const Map conv = halved(x[1], x[2]);
  return {x[0],
          x[3],
          channels,
          conv,
          halved(conv.out_height, conv.out_width),
          call.attributes.flag("pooling")};
}

namespace {

using namespace stem_inputs;

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(6);
  call.expect_float(0, "x");
  const StemShape s = stem_shape(call, 0);
  const DType dtype = call.inputs[0].dtype;
  if (!call.attributes.flag("training")) return {{dtype, s.y()}};
  return {{dtype, s.y()}, {dtype, s.z()}, {dtype, {2 * s.channels}}};
}

// From the normalised convolution to y; where nothing is pooled, z may be y itself.
template <typename T>
void finish(const StemShape& s, const Source<T>& in, int64_t batch, T* y, const Runner& runner) {
  if (!s.pooling) {
    const Join<T> activation{in, nullptr, y, s.channels};
    const int64_t pixels = batch * s.conv.out_height * s.conv.out_width;
    return runner.run<T>(pixels, kTileRows, 0, [&](int64_t begin, int64_t end, int, T*) {
      MENET_SIMD(join<T>)(activation, begin, end);
    });
  }
  const MaxPool<T> pool{in, s.pool, y};
  runner.run<T>(batch * s.pool.out_height, 1, 0, [&](int64_t begin, int64_t end, int, T*) {
    MENET_SIMD(max_pool<T>)(pool, begin, end);
  });
}

template <typename T>
void run_training(Call& call, const StemShape& s, const T* weights) {
  const Runner runner{call.device()};
  T* z = call.outputs[1].as<T>();
  const Conv3x3Forward<T> conv{raw<T>(call.inputs[0].as<T>(), s.in), s.conv, s.channels, weights,
                               z};
  const Normalization<T> n =
      measured(runner, batch_norm_at<T>(call, 2, s.channels), s.pixels(),
               s.batch * s.conv.out_height, 1, conv3x3_forward_scratch(s.conv, s.in, s.channels),
               [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
                 MENET_SIMD(conv3x3_forward<T>)(conv, begin, end, sums, tile);
               });
  finish(s, normalized<T>(z, s.channels, n, true), s.batch, call.outputs[0].as<T>(), runner);
  save(n, call.outputs[2].as<T>());
}

// `batch` images through a raw convolution in z.
template <typename T>
void run_images(const StemShape& s, const Normalization<T>& n, const T* weights, const T* x,
                int64_t batch, T* y, T* z, const Runner& runner) {
  const Conv3x3Forward<T> conv{raw<T>(x, s.in), s.conv, s.channels, weights, z};
  runner.run<T>(batch * s.conv.out_height, 1, conv3x3_forward_scratch(s.conv, s.in, s.channels),
                [&](int64_t begin, int64_t end, int, T* tile) {
                  MENET_SIMD(conv3x3_forward<T>)(conv, begin, end, nullptr, tile);
                });
  finish(s, normalized<T>(z, s.channels, n, true), batch, y, runner);
}

template <typename T>
void run_inference(Call& call, const StemShape& s, const T* weights) {
  const Normalization<T> n = running_normalization(batch_norm_at<T>(call, 2, s.channels));
  const T* x = call.inputs[0].as<T>();
  T* y = call.outputs[0].as<T>();
  const int64_t z_size = s.pooling ? s.pixels() / s.batch * s.channels : 0;
  if (s.batch < thread_count()) {
    const Scratch<T> z(call.device(), z_size * s.batch);
    return run_images(s, n, weights, x, s.batch, y, s.pooling ? z.data() : y,
                      Runner{call.device()});
  }
  const int64_t x_size = s.conv.height * s.conv.width * s.in;
  const int64_t y_size = size_of(s.y()) / s.batch;
  Runner{call.device()}.run<T>(s.batch, 1, z_size, [&](int64_t begin, int64_t end, int, T* z) {
    for (int64_t i = begin; i < end; ++i) {
      T* out = y + i * y_size;
      run_images(s, n, weights, x + i * x_size, 1, out, s.pooling ? z : out,
                 Runner{call.device(), false});
    }
  });
}

template <typename T>
void run_typed(Call& call) {
  const StemShape s = stem_shape(call, 0);
  const Scratch<T> weights(call.device(), packed_size(s.weights()));
  pack(s.weights(), call.inputs[1].as<T>(), weights.data());
  if (call.attributes.flag("training")) {
    run_training<T>(call, s, weights.data());
  } else {
    run_inference<T>(call, s, weights.data());
  }
}

void run(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto type) { run_typed<decltype(type)>(call); });
}

std::vector<TensorType> infer_gradient(const Call& call) {
  call.expect_inputs(kInputs);
  call.expect_float(kDy, "dy");
  const StemShape s = stem_shape(call, kX);
  const DType dtype = call.inputs[kX].dtype;
  call.expect_shape(kDy, "dy", s.y());
  call.expect_shape(kY, "y", s.y());
  call.expect_shape(kZ, "z", s.z());
  call.expect_shape(kStatistics, "statistics", {2 * s.channels});
  for (size_t i : {kDy, kY, kZ, kStatistics}) call.expect_dtype(i, "saved", dtype);
  std::vector<TensorType> types{call.inputs[kConv], call.inputs[kBatchNorm],
                                call.inputs[kBatchNorm + 1]};
  if (call.attributes.flag("inputGradient")) types.push_back(call.inputs[kX]);
  return types;
}

// dz behind the batch norm, and what it is read from.
template <typename T>
struct StemGradient {
  std::unique_ptr<Scratch<T>> da;  // where there is pooling
  NormalizationGradient<T> n;
  Gradient<T> dz;
};

template <typename T>
void pool_gradient(Call& call, const StemShape& s, const BatchNorm<T>& bn,
                   const Normalization<T>& n, StemGradient<T>& g) {
  const Runner runner{call.device()};
  const T* z = call.inputs[kZ].as<T>();
  g.da = std::make_unique<Scratch<T>>(call.device(), s.pixels() * s.channels);
  const MaxPoolGradient<T> pool{normalized<T>(z, s.channels, n, true), s.pool,
                                call.inputs[kDy].as<T>(), g.da->data()};
  ThreadSums<T> sums(runner.threads(), s.channels);
  runner.run<T>(s.batch, 1, max_pool_gradient_scratch(s.channels),
                [&](int64_t begin, int64_t end, int thread, T* rows) {
                  MENET_SIMD(max_pool_gradient<T>)(pool, begin, end, sums[thread], rows);
                });
  g.n = batch_norm_gradient(bn, n, sums, s.pixels(), nullptr, call.outputs[1].as<T>(),
                            call.outputs[2].as<T>());
  g.dz = behind<T>(g.n, g.da->data(), z, s.channels);
}

// Without pooling: relu's mask is the sign of y.
template <typename T>
void activation_gradient(Call& call, const StemShape& s, const BatchNorm<T>& bn,
                         const Normalization<T>& n, StemGradient<T>& g) {
  g.dz = {};
  g.dz.da = call.inputs[kDy].as<T>();
  g.dz.mask = call.inputs[kY].as<T>();
  g.dz.z = call.inputs[kZ].as<T>();
  g.dz.da_stride = g.dz.channels = s.channels;
  g.n = join_gradient(Runner{call.device()}, g.dz, bn, n, s.pixels(), call.outputs[1].as<T>(),
                      call.outputs[2].as<T>());
  g.dz = behind(g.n, g.dz);
}

template <typename T>
void run_gradient_typed(Call& call) {
  const StemShape s = stem_shape(call, kX);
  const Runner runner{call.device()};
  const BatchNorm<T> bn = batch_norm_at<T>(call, kBatchNorm, s.channels);
  const Normalization<T> n = saved_normalization(bn, call.inputs[kStatistics].as<const T>());
  StemGradient<T> g;
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
  T* d_x = call.outputs.size() > 3 ? call.outputs[3].as<T>() : nullptr;
  const Conv3x3Backward<T> conv{raw<T>(call.inputs[kX].as<T>(), s.in), s.conv, g.dz, weights.data(),
                                d_x};
  const ThreadGradients<T> d_weights(runner, packed_size(s.weights()));
  runner.run<T>(s.batch, 1, conv3x3_backward_scratch(s.conv, s.in, s.channels),
                [&](int64_t begin, int64_t end, int thread, T* tile) {
                  MENET_SIMD(conv3x3_backward<T>)
                  (conv, begin, end, d_weights.of(thread), nullptr, tile);
                });
  unpack(s.weights(), d_weights.total(), call.outputs[0].as<T>());
}

void run_gradient(Call& call) {
  with_float_type(call.inputs[0].dtype,
                  [&](auto type) { run_gradient_typed<decltype(type)>(call); });
}

const RegisterOp forward({"Stem", infer, run});
const RegisterOp gradient({"StemGrad", infer_gradient, run_gradient});

}  // namespace

}  // namespace menet
