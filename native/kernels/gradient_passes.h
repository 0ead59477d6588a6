// What the gradients of units and of separable blocks have in common: dz behind a batch norm,
// and the pass back through a 1×1 convolution.
#pragma once

#include "kernels/batch_norm.h"
#include "kernels/join.h"
#include "kernels/packing.h"
#include "kernels/pointwise.h"

namespace menet {

// dz behind a batch norm with coefficients `n`, which must outlive it.
template <typename S>
Gradient<S> behind(const NormalizationGradient<Compute<S>>& n, Gradient<S> dz) {
  dz.scale = n.scale.data();
  dz.slope = n.slope.data();
  dz.mean = n.mean.data();
  dz.constant = n.constant.data();
  return dz;
}
template <typename S>
Gradient<S> behind(const NormalizationGradient<Compute<S>>& n, const S* da, const S* z,
                   int64_t channels) {
  return behind<S>(n, {da, channels, nullptr, z, channels, nullptr, nullptr, nullptr, nullptr});
}

// Coefficients of dz from the gradient of y = relu(bn(z) + ...): dz.da is dy, dz.mask y.
template <typename S, typename T = Compute<S>>
NormalizationGradient<T> join_gradient(const Runner& runner, Gradient<S> dz, const BatchNorm<T>& bn,
                                       const Normalization<T>& n, int64_t pixels, T* d_scale,
                                       T* d_offset) {
  dz.mean = n.mean.data();
  ThreadSums<T> sums(runner.threads(), dz.channels);
  runner.run<T>(pixels, kTileRows, 0, [&](int64_t begin, int64_t end, int thread, T*) {
    MENET_SIMD(gradient_sums<S>)(dz, begin, end, sums[thread]);
  });
  return batch_norm_gradient(bn, n, sums, pixels, nullptr, d_scale, d_offset);
}

// All pixels of a 1×1 convolution's gradient; sums and gate_sums where its input is normalised.
template <typename S, typename T = Compute<S>>
void run_pointwise_backward(const Runner& runner, const PointwiseBackward<S>& args,
                            const WeightLayout& layout, int64_t pixels, T* d_weights,
                            ThreadSums<T>* sums, ThreadSums<T>* gate_sums = nullptr) {
  const ThreadGradients<T> accumulators(runner, packed_size(layout));
  const int64_t size = pointwise_backward_scratch(args.in.channels, args.out.channels, args.groups);
  runner.run<T>(pixels, kTileRows, size, [&](int64_t begin, int64_t end, int thread, T* tile) {
    MENET_SIMD(pointwise_backward<S>)
    (args, begin, end, accumulators.of(thread), sums ? &(*sums)[thread] : nullptr,
     gate_sums ? &(*gate_sums)[thread] : nullptr, tile);
  });
  unpack(layout, accumulators.total(), d_weights);
}

}  // namespace menet
