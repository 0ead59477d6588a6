// Backward passes on a GPU: dz is formed as it is read, and what a pass leaves of da are the sums
// from which the next dz follows.
#pragma once

#include "kernels/device_depthwise.h"
#include "kernels/device_join.h"
#include "kernels/device_product.h"
#include "kernels/device_tile_map.h"
#include "kernels/gradient_product.h"

namespace menet {

template <typename S>
struct GradientAt {
  Gradient<S> dz;
  __device__ Compute<S> operator()(int64_t pixel, int64_t c) const { return read(dz, pixel, c); }
};

template <typename S>
Gradient<S> plain_gradient(const S* da, int64_t channels) {
  Gradient<S> gradient{};
  gradient.da = da;
  gradient.da_stride = channels;
  gradient.channels = channels;
  return gradient;
}

// Gradients of a batch norm's parameters.
template <typename T>
struct ScaleGradient {
  T* scale;
  T* offset;
};

// The same coefficients for another storage type.
template <typename S>
Gradient<S> coefficients_of(const Gradient<Compute<S>>& g) {
  Gradient<S> gradient{};
  gradient.channels = g.channels;
  gradient.scale = g.scale;
  gradient.slope = g.slope;
  gradient.mean = g.mean;
  gradient.constant = g.constant;
  return gradient;
}

// dz behind a batch norm, from da and its sums, which lie where z's channels do.
template <typename S, typename T = Compute<S>>
Gradient<S> behind(Call& call, const BatchNorm<T>& bn, const DeviceNormalization<T>& n,
                   const TileSums<T>& sums, const Shuffle& shuffle, const ScaleGradient<T>& out,
                   const S* da, const S* z) {
  Gradient<S> dz =
      coefficients_of<S>(batch_norm_gradient(call, bn, n, sums, shuffle, out.scale, out.offset));
  dz.da = da;
  dz.da_stride = bn.channels;
  dz.z = z;
  return dz;
}

// dz of y = relu(bn(z) + ...), dy and y being of stride `stride`.
template <typename S, typename T = Compute<S>>
Gradient<S> behind_join(Call& call, const BatchNorm<T>& bn, const DeviceNormalization<T>& n,
                        const ScaleGradient<T>& out, const S* dy, const S* y, int64_t stride,
                        const S* z, int64_t pixels) {
  Gradient<S> da = plain_gradient(dy, bn.channels);
  da.da_stride = stride;
  da.mask = y;
  da.z = z;
  da.mean = n.mean;
  TileSums<T> sums = make_tile_sums<T>(call, pixels, bn.channels);
  launch_masked_sums(call, da, sums);
  Gradient<S> dz = behind<S>(call, bn, n, sums, unshuffled(bn.channels), out, dy, z);
  dz.da_stride = stride;
  dz.mask = y;
  return dz;
}

// The end of a pass back to `in`: da to d_in, and its sums where `in` is normalised.
template <typename S>
GradientEnd<S> gradient_end(Call& call, const Source<S>& in, S* d_in, int64_t pixels) {
  GradientEnd<S> end{};
  end.in = in;
  end.d_in = d_in;
  if (in.scale != nullptr) end.sums = make_tile_sums<Compute<S>>(call, pixels, in.channels);
  return end;
}

// Both gradients of a grouped 1x1 convolution of end.in; without end.d_in, the weights' alone.
// The tiles of end's sums are set.
template <typename S>
void launch_pointwise_gradients(Call& call, const Compute<S>* weights, const WeightLayout& layout,
                                GradientEnd<S>& end, const Gradient<S>& dz, const Shuffle& shuffle,
                                int64_t pixels, Compute<S>* d_weights) {
  launch_gradient_product(call, weights, pointwise_shape(layout, pixels), end, dz, shuffle,
                          d_weights);
}

// The same of a dense 3x3 convolution of few channels, over the pixels of its input.
template <typename S>
void launch_window_gradients(Call& call, const Compute<S>* weights, const WeightLayout& layout,
                             GradientEnd<S>& end, const Gradient<S>& dz, const Map& map,
                             int64_t pixels, Compute<S>* d_weights) {
  launch_gradient_product(call, weights, window_shape(layout, map, pixels), end, dz,
                          unshuffled(layout.channels), d_weights);
}

// Both gradients of a dense 3x3 convolution of end.in; without d_in, the weights' alone.
template <typename X, typename S, typename T = Compute<S>>
void launch_conv3x3_gradients(Call& call, const T* weights, const WeightLayout& layout,
                              const GradientEnd<X>& end, const Gradient<S>& dz, const Map& map,
                              int64_t batch, T* d_weights) {
  const int64_t in = layout.depth / 9;
  if (end.d_in != nullptr) {
    launch_product<T>(call, GradientPatches3x3<S>{dz, map},
                      TransposedWeights3x3<T>{weights, in, layout.channels}, end,
                      {batch * map.height * map.width, in, 9 * layout.channels});
  }
  launch_weight_gradient(call, SourcePatches<X, false>{end.in, map},
                         GradientColumns<S>{dz, unshuffled(layout.channels), layout.channels},
                         layout, batch * map.out_height * map.out_width, d_weights);
}

}  // namespace menet
