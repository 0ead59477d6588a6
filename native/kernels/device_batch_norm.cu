#include "kernels/device_batch_norm.h"

namespace menet {

namespace {

constexpr int kChannels = 8;  // of a block
constexpr int kLines = 32;    // threads that share a channel's tiles

// Mean and sum of squared deviations of n values; merged as Chan et al. do.
struct Moments {
  double n = 0, mean = 0, deviations = 0;

  __device__ void merge(const Moments& other) {
    if (other.n == 0) return;
    const double total = n + other.n, delta = other.mean - mean;
    deviations += other.deviations + delta * delta * n * other.n / total;
    mean += delta * other.n / total;
    n = total;
  }
};

// The two double values of each thread, for the first line to merge.
struct LineValues {
  double first, second, third;
};

template <typename T>
struct Coefficients {
  T *mean, *scale, *offset;
};

template <typename T>
__device__ void write_coefficients(const BatchNorm<T>& bn, int64_t c, int64_t at, double mean,
                                   T inv_std, const Coefficients<T>& to) {
  to.mean[at] = static_cast<T>(mean);
  to.scale[at] = bn.scale[c] * inv_std;
  to.offset[at] = bn.offset[c];
}

template <typename T>
__device__ T inverse_deviation(double variance) {
  return static_cast<T>(1.0 / root(variance + kBatchNormEpsilon));
}

template <typename T>
__device__ int64_t pixels_of(const TileSums<T>& tiles, int64_t t) {
  if (tiles.counts != nullptr) return tiles.counts[t];
  const int64_t left = tiles.pixels - t * tiles.tile;
  return left < tiles.tile ? left : tiles.tile;
}

template <typename T>
__global__ void finish_moments(BatchNorm<T> bn, TileSums<T> tiles, int64_t tile_count,
                               Shuffle shuffle, T* statistics, Coefficients<T> to) {
  MENET_SHARED(LineValues, lines, kChannels * kLines);
  const int channel = static_cast<int>(threadIdx.x), line = static_cast<int>(threadIdx.y);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kChannels + channel;
  Moments moments;
  for (int64_t t = line; c < bn.channels && t < tile_count; t += kLines) {
    moments.merge({static_cast<double>(pixels_of(tiles, t)),
                   static_cast<double>(tiles.first[t * bn.channels + c]),
                   static_cast<double>(tiles.second[t * bn.channels + c])});
  }
  lines[line * kChannels + channel] = {moments.n, moments.mean, moments.deviations};
  __syncthreads();
  if (line > 0 || c >= bn.channels) return;
  for (int k = 1; k < kLines; ++k) {
    const LineValues& v = lines[k * kChannels + channel];
    moments.merge({v.first, v.second, v.third});
  }
  const T inv_std = inverse_deviation<T>(moments.deviations / moments.n);
  const double unbiased = moments.deviations / (moments.n > 1 ? moments.n - 1 : 1);
  bn.mean[c] = static_cast<T>((1 - kBatchNormMomentum) * static_cast<double>(bn.mean[c]) +
                              kBatchNormMomentum * moments.mean);
  bn.variance[c] = static_cast<T>((1 - kBatchNormMomentum) * static_cast<double>(bn.variance[c]) +
                                  kBatchNormMomentum * unbiased);
  statistics[c] = static_cast<T>(moments.mean);
  statistics[bn.channels + c] = inv_std;
  write_coefficients(bn, c, shuffle.position(c), moments.mean, inv_std, to);
}

// `statistics` as saved, or null for the running ones.
template <typename T>
__global__ void known_coefficients(BatchNorm<T> bn, const T* statistics, Shuffle shuffle,
                                   Coefficients<T> to) {
  for (int64_t c = grid_begin(); c < bn.channels; c += grid_step()) {
    const T mean = statistics == nullptr ? bn.mean[c] : statistics[c];
    const T inv_std = statistics == nullptr
                          ? inverse_deviation<T>(static_cast<double>(bn.variance[c]))
                          : statistics[bn.channels + c];
    write_coefficients(bn, c, shuffle.position(c), static_cast<double>(mean), inv_std, to);
  }
}

template <typename T>
struct GradientCoefficients {
  T *scale, *slope, *constant;
};

template <typename T>
__global__ void finish_gradient(BatchNorm<T> bn, const T* inv_std, TileSums<T> tiles,
                                int64_t tile_count, Shuffle shuffle, T* d_scale, T* d_offset,
                                GradientCoefficients<T> to) {
  MENET_SHARED(LineValues, lines, kChannels * kLines);
  const int channel = static_cast<int>(threadIdx.x), line = static_cast<int>(threadIdx.y);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kChannels + channel;
  const int64_t at = c < bn.channels ? shuffle.position(c) : 0;
  double sum = 0, product = 0;
  for (int64_t t = line; c < bn.channels && t < tile_count; t += kLines) {
    sum += static_cast<double>(tiles.first[t * bn.channels + at]);
    product += static_cast<double>(tiles.second[t * bn.channels + at]);
  }
  lines[line * kChannels + channel] = {sum, product, 0};
  __syncthreads();
  if (line > 0 || c >= bn.channels) return;
  for (int k = 1; k < kLines; ++k) {
    sum += lines[k * kChannels + channel].first;
    product += lines[k * kChannels + channel].second;
  }
  const double deviation = static_cast<double>(inv_std[c]);
  const double scale = static_cast<double>(bn.scale[c]) * deviation;
  const double pixels = static_cast<double>(tiles.pixels);
  d_scale[c] = static_cast<T>(product * deviation);
  d_offset[c] = static_cast<T>(sum);
  to.scale[at] = static_cast<T>(scale);
  to.slope[at] = static_cast<T>(-scale * deviation * deviation * product / pixels);
  to.constant[at] = static_cast<T>(-scale * sum / pixels);
}

Grid channel_grid(int64_t channels) {
  return {dim3(static_cast<unsigned>(ceil_div(channels, kChannels))), dim3(kChannels, kLines)};
}

template <typename T>
DeviceNormalization<T> make_normalization(Call& call, int64_t channels) {
  return {call.scratch<T>(channels), call.scratch<T>(channels), call.scratch<T>(channels), nullptr};
}

template <typename T>
Coefficients<T> coefficients_of(const DeviceNormalization<T>& n) {
  return {n.mean, n.scale, n.offset};
}

template <typename T>
DeviceNormalization<T> known_normalization(Call& call, const BatchNorm<T>& bn,
                                           const Shuffle& shuffle, const T* statistics) {
  DeviceNormalization<T> n = make_normalization<T>(call, bn.channels);
  launch(call, known_coefficients<T>, grid_for(bn.channels), bn, statistics, shuffle,
         coefficients_of(n));
  if (statistics != nullptr) n.inv_std = statistics + bn.channels;
  return n;
}

}  // namespace

template <typename T>
DeviceNormalization<T> batch_normalization(Call& call, const BatchNorm<T>& bn,
                                           const TileSums<T>& moments, const Shuffle& shuffle,
                                           T* statistics) {
  DeviceNormalization<T> n = make_normalization<T>(call, bn.channels);
  launch(call, finish_moments<T>, channel_grid(bn.channels), bn, moments, moments.tiles(), shuffle,
         statistics, coefficients_of(n));
  n.inv_std = statistics + bn.channels;
  return n;
}

template <typename T>
DeviceNormalization<T> running_normalization(Call& call, const BatchNorm<T>& bn,
                                             const Shuffle& shuffle) {
  return known_normalization<T>(call, bn, shuffle, nullptr);
}

template <typename T>
DeviceNormalization<T> saved_normalization(Call& call, const BatchNorm<T>& bn,
                                           const Shuffle& shuffle, const T* statistics) {
  return known_normalization(call, bn, shuffle, statistics);
}

template <typename T>
Gradient<T> batch_norm_gradient(Call& call, const BatchNorm<T>& bn,
                                const DeviceNormalization<T>& normalization,
                                const TileSums<T>& sums, const Shuffle& shuffle, T* d_scale,
                                T* d_offset) {
  const GradientCoefficients<T> to{call.scratch<T>(bn.channels), call.scratch<T>(bn.channels),
                                   call.scratch<T>(bn.channels)};
  launch(call, finish_gradient<T>, channel_grid(bn.channels), bn, normalization.inv_std, sums,
         sums.tiles(), shuffle, d_scale, d_offset, to);
  Gradient<T> gradient{};
  gradient.channels = bn.channels;
  gradient.scale = to.scale;
  gradient.slope = to.slope;
  gradient.mean = normalization.mean;
  gradient.constant = to.constant;
  return gradient;
}

#define INSTANTIATE(T)                                                                            \
  template DeviceNormalization<T> batch_normalization(Call&, const BatchNorm<T>&,                 \
                                                      const TileSums<T>&, const Shuffle&, T*);    \
  template DeviceNormalization<T> running_normalization(Call&, const BatchNorm<T>&,               \
                                                        const Shuffle&);                          \
  template DeviceNormalization<T> saved_normalization(Call&, const BatchNorm<T>&, const Shuffle&, \
                                                      const T*);                                  \
  template Gradient<T> batch_norm_gradient(Call&, const BatchNorm<T>&,                            \
                                           const DeviceNormalization<T>&, const TileSums<T>&,     \
                                           const Shuffle&, T*, T*);
INSTANTIATE(float)
#ifdef MENET_FLOAT64
INSTANTIATE(double)
#endif

}  // namespace menet
