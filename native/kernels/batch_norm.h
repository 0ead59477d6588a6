// Batch norm deferred to its readers: statistics in, coefficients of (z - mean) * scale + offset
// out, and the same for its gradient (docs/kernels.md).
#pragma once

#include <vector>

#include "kernels/pass.h"

namespace menet {

constexpr double kBatchNormEpsilon = 1e-5;
constexpr double kBatchNormMomentum = 0.1;

// Parameters and running statistics, [channels] each.
template <typename T>
struct BatchNorm {
  int64_t channels = 0;
  const T* scale = nullptr;
  const T* offset = nullptr;
  T* mean = nullptr;      // updated in place by the training form
  T* variance = nullptr;  // likewise
};

// Four inputs from `first` on: scale, offset, mean, variance.
template <typename T>
BatchNorm<T> batch_norm_at(const Call& call, size_t first, int64_t channels) {
  return {channels, call.inputs[first].as<T>(), call.inputs[first + 1].as<T>(),
          call.inputs[first + 2].as<T>(), call.inputs[first + 3].as<T>()};
}

// A batch norm whose statistics are known: (z - mean) * scale + offset, scale being the
// parameter times inv_std. Vectors are in the order of the weights.
template <typename T>
struct Normalization {
  std::vector<T> mean;
  std::vector<T> inv_std;
  std::vector<T> scale;
  std::vector<T> offset;

  // With channel c at order[c].
  Normalization shuffled(const std::vector<int32_t>& order) const;
};

template <typename T>
Normalization<T> running_normalization(const BatchNorm<T>& bn);

// From a pass's sums over `count` pixels; moves the running statistics.
template <typename T>
Normalization<T> batch_normalization(const BatchNorm<T>& bn, const ThreadSums<T>& sums,
                                     int64_t count);

// Runs a pass over `count` rows, `pixels` pixels in all, for the statistics of its output:
// body(begin, end, sums, scratch) with `scratch_size` elements for each thread.
template <typename T, typename Body>
Normalization<T> measured(const Runner& runner, const BatchNorm<T>& bn, int64_t pixels,
                          int64_t count, int64_t grain, int64_t scratch_size, const Body& body) {
  ThreadSums<T> sums(runner.threads(), bn.channels);
  runner.run<T>(count, grain, scratch_size,
                [&](int64_t begin, int64_t end, int thread, T* scratch) {
                  body(begin, end, &sums[thread], scratch);
                });
  return batch_normalization(bn, sums, pixels);
}

// From what the forward pass saved: mean[channels], inv_std[channels].
template <typename T>
Normalization<T> saved_normalization(const BatchNorm<T>& bn, const T* statistics);

// mean and inv_std into the saved statistics; returns the next batch norm's place.
template <typename T>
T* save(const Normalization<T>& normalization, T* statistics);

// Coefficients of dz = da * scale + (z - mean) * slope + constant.
template <typename T>
struct NormalizationGradient {
  std::vector<T> scale;
  std::vector<T> slope;
  std::vector<T> mean;
  std::vector<T> constant;
};

// From the sums of da and da * (z - mean) over `count` pixels. Writes the gradients of
// scale and offset. order: where the sums have channel c; null: at c.
template <typename T>
NormalizationGradient<T> batch_norm_gradient(const BatchNorm<T>& bn,
                                             const Normalization<T>& normalization,
                                             const ThreadSums<T>& sums, int64_t count,
                                             const int32_t* order, T* d_scale, T* d_offset);

}  // namespace menet
