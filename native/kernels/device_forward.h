// Forward passes on a GPU: convolutions whose input is normalised as it is read.
#pragma once

#include "kernels/device_depthwise.h"
#include "kernels/device_join.h"
#include "kernels/device_product.h"
#include "kernels/device_tile_map.h"
#include "kernels/forward_product.h"

namespace menet {

template <typename S>
struct SourceAt {
  Source<S> in;
  __device__ Compute<S> operator()(int64_t pixel, int64_t c) const { return read(in, pixel, c); }
};

// Runs a pass that gives z with pass(moments), which may set moments.tile. Its normalisation
// follows from them, and goes to `statistics`; where that is null, it is the running one.
template <typename T, typename Pass>
DeviceNormalization<T> measured(Call& call, const BatchNorm<T>& bn, int64_t pixels,
                                const Shuffle& shuffle, T* statistics, const Pass& pass) {
  if (statistics == nullptr) {
    TileSums<T> none;
    pass(none);
    return running_normalization(call, bn, shuffle);
  }
  TileSums<T> moments = make_tile_sums<T>(call, pixels, bn.channels);
  pass(moments);
  return batch_normalization(call, bn, moments, shuffle, statistics);
}

// A grouped 1x1 convolution. end.moments.tile is set.
template <typename S>
void launch_pointwise(const Call& call, const Source<S>& in, const Compute<S>* weights,
                      const WeightLayout& layout, ProductEnd<S>& end, int64_t pixels) {
  launch_forward_product(call, in, weights, pointwise_shape(layout, pixels), end);
}

// A dense 3x3 convolution of few channels.
template <typename S>
void launch_window(const Call& call, const Source<S>& in, const Map& map, const Compute<S>* weights,
                   const WeightLayout& layout, ProductEnd<S>& end, int64_t out_pixels) {
  launch_forward_product(call, in, weights, window_shape(layout, map, out_pixels), end);
}

// Of any number of channels, and input that is stored otherwise than output.
template <typename X, typename End, typename T = Compute<X>>
void launch_conv3x3(const Call& call, const Source<X>& in, const Map& map, const T* weights,
                    const WeightLayout& layout, const End& end, int64_t out_pixels) {
  launch_product<T>(call, SourcePatches<X, true>{in, map}, GroupWeights<T>{weights, layout}, end,
                    {out_pixels, layout.channels, layout.depth});
}

}  // namespace menet
