#include "kernels/update.h"

#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

namespace {

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }

template <typename T>
inline T rounded(double x) {
  return static_cast<T>(x);
}

// The loops are templates of what is there and what is not, so that they hold no branch.
template <typename T, bool kMomentum, bool kNesterov>
void sgd(const SgdStep& step, T* __restrict p, T* __restrict b, const T* __restrict g, int64_t n) {
  const T rate = rounded<T>(step.rate), scale = rounded<T>(step.scale);
  const T decay = rounded<T>(step.decay), momentum = rounded<T>(step.momentum);
  for (int64_t i = 0; i < n; ++i) {
    T d = scale * g[i] + decay * p[i];
    if (kMomentum) {
      b[i] = momentum * b[i] + d;
      d = kNesterov ? d + momentum * b[i] : b[i];
    }
    p[i] -= rate * d;
  }
}

template <typename T, bool kCentered, bool kMomentum>
void rmsprop(const RmspropStep& step, T* __restrict p, T* __restrict v, T* __restrict m,
             T* __restrict b, const T* __restrict g, int64_t n) {
  const T rate = rounded<T>(step.rate), scale = rounded<T>(step.scale);
  const T decay = rounded<T>(step.decay), momentum = rounded<T>(step.momentum);
  const T alpha = rounded<T>(step.alpha), fresh = rounded<T>(1 - step.alpha);
  const T epsilon = rounded<T>(step.epsilon);
  for (int64_t i = 0; i < n; ++i) {
    T d = scale * g[i] + decay * p[i];
    v[i] = alpha * v[i] + fresh * d * d;
    T variance = v[i];
    if (kCentered) {
      m[i] += fresh * (d - m[i]);
      variance -= m[i] * m[i];
      variance = variance < 0 ? T(0) : variance;  // by rounding alone
    }
    d /= root(variance) + epsilon;
    if (kMomentum) d = b[i] = momentum * b[i] + d;
    p[i] -= rate * d;
  }
}

template <typename T, bool kDecoupled>
void adam(const AdamStep& step, T* __restrict p, T* __restrict m, T* __restrict v,
          const T* __restrict g, int64_t n) {
  const T scale = rounded<T>(step.scale), decay = rounded<T>(step.decay);
  const T keep = rounded<T>(1 - step.rate * step.decay);
  const T fresh1 = rounded<T>(1 - step.beta1), fresh2 = rounded<T>(1 - step.beta2);
  const T beta2 = rounded<T>(step.beta2), epsilon = rounded<T>(step.epsilon);
  const T rate = rounded<T>(step.rate / step.correction1);
  const T correction = rounded<T>(1 / __builtin_sqrt(step.correction2));
  for (int64_t i = 0; i < n; ++i) {
    T d = scale * g[i];
    if (kDecoupled) {
      p[i] *= keep;
    } else {
      d += decay * p[i];
    }
    m[i] += fresh1 * (d - m[i]);
    v[i] = beta2 * v[i] + fresh2 * d * d;
    p[i] -= rate * m[i] / (root(v[i]) * correction + epsilon);
  }
}

// Independent partial sums, which vectorise without reordering anything at run time.
constexpr int kPartials = 32;

}  // namespace

template <typename T>
void sgd_update(const SgdStep& step, T* p, T* momentum, const T* g, int64_t n) {
  const auto update = momentum == nullptr ? sgd<T, false, false>
                      : step.nesterov     ? sgd<T, true, true>
                                          : sgd<T, true, false>;
  update(step, p, momentum, g, n);
}

template <typename T>
void rmsprop_update(const RmspropStep& step, T* p, T* square, T* mean, T* momentum, const T* g,
                    int64_t n) {
  const auto plain = momentum ? rmsprop<T, false, true> : rmsprop<T, false, false>;
  const auto centered = momentum ? rmsprop<T, true, true> : rmsprop<T, true, false>;
  (mean ? centered : plain)(step, p, square, mean, momentum, g, n);
}

template <typename T>
void adam_update(const AdamStep& step, T* p, T* mean, T* square, const T* g, int64_t n) {
  (step.decoupled ? adam<T, true> : adam<T, false>)(step, p, mean, square, g, n);
}

template <typename T>
void adadelta_update(const AdadeltaStep& step, T* __restrict p, T* __restrict square,
                     T* __restrict delta, const T* __restrict g, int64_t n) {
  const T rate = rounded<T>(step.rate), scale = rounded<T>(step.scale);
  const T decay = rounded<T>(step.decay), epsilon = rounded<T>(step.epsilon);
  const T rho = rounded<T>(step.rho), fresh = rounded<T>(1 - step.rho);
  for (int64_t i = 0; i < n; ++i) {
    T d = scale * g[i] + decay * p[i];
    square[i] = rho * square[i] + fresh * d * d;
    d *= root(delta[i] + epsilon) / root(square[i] + epsilon);
    delta[i] = rho * delta[i] + fresh * d * d;
    p[i] -= rate * d;
  }
}

template <typename T>
void blend(double keep, T* __restrict target, double share, const T* __restrict value, int64_t n) {
  const T of_target = rounded<T>(keep), of_value = rounded<T>(share);
  for (int64_t i = 0; i < n; ++i) target[i] = of_target * target[i] + of_value * value[i];
}

template <typename T>
double sum_of_squares(const T* x, int64_t n) {
  double partials[kPartials] = {};
  int64_t i = 0;
  for (; i + kPartials <= n; i += kPartials) {
    for (int k = 0; k < kPartials; ++k) {
      const double value = x[i + k];
      partials[k] += value * value;
    }
  }
  for (int k = 0; i < n; ++i, ++k) partials[k] += static_cast<double>(x[i]) * x[i];
  double total = 0;
  for (double partial : partials) total += partial;
  return total;
}

#define INSTANTIATE(T)                                                                    \
  template void sgd_update<T>(const SgdStep&, T*, T*, const T*, int64_t);                 \
  template void rmsprop_update<T>(const RmspropStep&, T*, T*, T*, T*, const T*, int64_t); \
  template void adam_update<T>(const AdamStep&, T*, T*, T*, const T*, int64_t);           \
  template void adadelta_update<T>(const AdadeltaStep&, T*, T*, T*, const T*, int64_t);   \
  template void blend<T>(double, T*, double, const T*, int64_t);                          \
  template double sum_of_squares<T>(const T*, int64_t);
MENET_FOR_FLOATS(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
