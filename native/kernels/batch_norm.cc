#include "kernels/batch_norm.h"

#include <cmath>

namespace menet {

namespace {

template <typename T>
void set_coefficients(const BatchNorm<T>& bn, Normalization<T>& n) {
  for (int64_t c = 0; c < bn.channels; ++c) {
    n.scale.push_back(bn.scale[c] * n.inv_std[c]);
    n.offset.push_back(bn.offset[c]);
  }
}

// Mean and sum of squared deviations of n values; merged as Chan et al. do.
struct Moments {
  double n = 0;
  double mean = 0;
  double deviations = 0;

  void merge(const Moments& other) {
    if (other.n == 0) return;
    const double total = n + other.n;
    const double delta = other.mean - mean;
    deviations += other.deviations + delta * delta * n * other.n / total;
    mean += delta * other.n / total;
    n = total;
  }
};

template <typename T>
Moments moments_of(const ThreadSums<T>& sums, int64_t c) {
  Moments moments;
  for (const Sums<T>& s : sums.threads()) {
    if (s.count == 0) continue;
    const double n = static_cast<double>(s.count);
    const double offset = s.first[c] / n;
    moments.merge({n, s.shift[c] + offset, s.second[c] - s.first[c] * offset});
  }
  return moments;
}

}  // namespace

template <typename T>
Normalization<T> Normalization<T>::shuffled(const std::vector<int32_t>& order) const {
  Normalization n = *this;
  for (size_t c = 0; c < mean.size(); ++c) {
    const size_t position = static_cast<size_t>(order[c]);
    n.mean[position] = mean[c];
    n.inv_std[position] = inv_std[c];
    n.scale[position] = scale[c];
    n.offset[position] = offset[c];
  }
  return n;
}

template <typename T>
Normalization<T> running_normalization(const BatchNorm<T>& bn) {
  Normalization<T> n;
  for (int64_t c = 0; c < bn.channels; ++c) {
    n.mean.push_back(bn.mean[c]);
    n.inv_std.push_back(static_cast<T>(1.0 / std::sqrt(bn.variance[c] + kBatchNormEpsilon)));
  }
  set_coefficients(bn, n);
  return n;
}

template <typename T>
Normalization<T> batch_normalization(const BatchNorm<T>& bn, const ThreadSums<T>& sums,
                                     int64_t count) {
  Normalization<T> n;
  const auto move = [](T& running, double batch) {
    running = static_cast<T>((1 - kBatchNormMomentum) * running + kBatchNormMomentum * batch);
  };
  for (int64_t c = 0; c < bn.channels; ++c) {
    const Moments moments = moments_of(sums, c);
    const double deviations = std::max(moments.deviations, 0.0);
    n.mean.push_back(static_cast<T>(moments.mean));
    n.inv_std.push_back(static_cast<T>(
        1.0 / std::sqrt(deviations / static_cast<double>(count) + kBatchNormEpsilon)));
    move(bn.mean[c], moments.mean);
    move(bn.variance[c], deviations / static_cast<double>(std::max<int64_t>(count - 1, 1)));
  }
  set_coefficients(bn, n);
  return n;
}

template <typename T>
Normalization<T> saved_normalization(const BatchNorm<T>& bn, const T* statistics) {
  Normalization<T> n;
  n.mean.assign(statistics, statistics + bn.channels);
  n.inv_std.assign(statistics + bn.channels, statistics + 2 * bn.channels);
  set_coefficients(bn, n);
  return n;
}

template <typename T>
T* save(const Normalization<T>& normalization, T* statistics) {
  statistics = std::copy(normalization.mean.begin(), normalization.mean.end(), statistics);
  return std::copy(normalization.inv_std.begin(), normalization.inv_std.end(), statistics);
}

template <typename T>
NormalizationGradient<T> batch_norm_gradient(const BatchNorm<T>& bn,
                                             const Normalization<T>& normalization,
                                             const ThreadSums<T>& sums, int64_t count,
                                             const int32_t* order, T* d_scale, T* d_offset) {
  NormalizationGradient<T> g;
  for (int64_t c = 0; c < bn.channels; ++c) {
    const int64_t position = order == nullptr ? c : order[c];
    double sum = 0;
    double product = 0;
    for (const Sums<T>& s : sums.threads()) {
      sum += s.first[position];
      product += s.second[position];
    }
    const double inv_std = normalization.inv_std[c];
    const double scale = bn.scale[c] * inv_std;
    const double pixels = static_cast<double>(count);
    d_scale[c] = static_cast<T>(product * inv_std);
    d_offset[c] = static_cast<T>(sum);
    g.scale.push_back(static_cast<T>(scale));
    g.slope.push_back(static_cast<T>(-scale * inv_std * inv_std * product / pixels));
    g.mean.push_back(normalization.mean[c]);
    g.constant.push_back(static_cast<T>(-scale * sum / pixels));
  }
  return g;
}

#define INSTANTIATE(T)                                                                             \
  template struct Normalization<T>;                                                                \
  template Normalization<T> running_normalization(const BatchNorm<T>&);                            \
  template Normalization<T> batch_normalization(const BatchNorm<T>&, const ThreadSums<T>&,         \
                                                int64_t);                                          \
  template Normalization<T> saved_normalization(const BatchNorm<T>&, const T*);                    \
  template T* save(const Normalization<T>&, T*);                                                   \
  template NormalizationGradient<T> batch_norm_gradient(                                           \
      const BatchNorm<T>&, const Normalization<T>&, const ThreadSums<T>&, int64_t, const int32_t*, \
      T*, T*);
INSTANTIATE(float)
#ifdef MENET_FLOAT64
INSTANTIATE(double)
#endif

}  // namespace menet
