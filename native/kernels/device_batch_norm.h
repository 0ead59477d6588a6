// Batch norm deferred to its readers, on a GPU: every pass leaves two numbers for each tile of
// 64 pixels and channel, and one small kernel makes the readers' coefficients of them, always in
// the same order.
#pragma once

#include "kernels/batch_norm.h"
#include "kernels/device_operands.h"

namespace menet {

constexpr int64_t kTilePixels = 64;

// [tiles][channels] each: a tile's mean and sum of squared deviations from it, or its sums of da
// and of da * (z - mean). A pass whose blocks take longer tiles says so in `tile`.
template <typename T>
struct TileSums {
  T* first = nullptr;  // null: nothing is summed
  T* second = nullptr;
  int64_t pixels = 0;
  int64_t channels = 0;
  int64_t tile = kTilePixels;  // pixels of one; at least kTilePixels, for which there is room
  // Tiles that are no runs of pixels, not more of them: their number, and how many pixels each has
  // (null: not needed, for sums of da).
  int64_t parts = 0;
  int32_t* counts = nullptr;

  int64_t tiles() const { return parts > 0 ? parts : ceil_div(pixels, tile); }
};

template <typename T>
TileSums<T> make_tile_sums(Call& call, int64_t pixels, int64_t channels) {
  TileSums<T> sums;
  sums.pixels = pixels;
  sums.channels = channels;
  sums.first = call.scratch<T>(sums.tiles() * channels);
  sums.second = call.scratch<T>(sums.tiles() * channels);
  return sums;
}

// (z - mean) * scale + offset, [channels] each, where z's channels lie; inv_std in the order of
// the weights.
template <typename T>
struct DeviceNormalization {
  T* mean = nullptr;
  T* scale = nullptr;
  T* offset = nullptr;
  const T* inv_std = nullptr;
};

// z behind its batch norm and, where it has one, relu.
template <typename S>
Source<S> normalized(const S* z, int64_t channels, const DeviceNormalization<Compute<S>>& n,
                     bool relu) {
  Source<S> source{};
  source.z = z;
  source.channels = channels;
  source.mean = n.mean;
  source.scale = n.scale;
  source.offset = n.offset;
  source.relu = relu;
  return source;
}

// Training form, from the moments of z in the weights' order: moves the running statistics, and
// saves mean and inv_std in `statistics`.
template <typename T>
DeviceNormalization<T> batch_normalization(Call& call, const BatchNorm<T>& bn,
                                           const TileSums<T>& moments, const Shuffle& shuffle,
                                           T* statistics);

// Inference form.
template <typename T>
DeviceNormalization<T> running_normalization(Call& call, const BatchNorm<T>& bn,
                                             const Shuffle& shuffle);

// From what the training form saved.
template <typename T>
DeviceNormalization<T> saved_normalization(Call& call, const BatchNorm<T>& bn,
                                           const Shuffle& shuffle, const T* statistics);

// The coefficients of dz, where z's channels lie, from the sums of da, which lie there too; writes
// the gradients of scale and offset.
template <typename T>
Gradient<T> batch_norm_gradient(Call& call, const BatchNorm<T>& bn,
                                const DeviceNormalization<T>& normalization,
                                const TileSums<T>& sums, const Shuffle& shuffle, T* d_scale,
                                T* d_offset);

}  // namespace menet
