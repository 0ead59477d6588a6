// What optimizers do to n elements, in place: p parameters, g gradients. Scalars are double up
// to here, and rounded once. Every gradient is multiplied by `scale` first.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

struct SgdStep {
  double rate, scale, decay, momentum;
  bool nesterov;
};

struct RmspropStep {
  double rate, scale, decay, momentum, alpha, epsilon;
};

struct AdamStep {
  double rate, scale, decay, beta1, beta2, epsilon;
  bool decoupled;                   // decay shrinks parameters instead of joining gradients
  double correction1, correction2;  // 1 - beta ** step
};

struct AdadeltaStep {
  double rate, scale, decay, rho, epsilon;
};

MENET_SIMD_DECLARE(
    // momentum is null where there is none.
    template <typename T>
    void sgd_update(const SgdStep& step, T* p, T* momentum, const T* g, int64_t n);
    // mean (of gradients, for the centred form) and momentum are null where there is none.
    template <typename T> void rmsprop_update(const RmspropStep& step, T* p, T* square, T* mean,
                                              T* momentum, const T* g, int64_t n);
    template <typename T>
    void adam_update(const AdamStep& step, T* p, T* mean, T* square, const T* g, int64_t n);
    template <typename T> void adadelta_update(const AdadeltaStep& step, T* p, T* square, T* delta,
                                               const T* g, int64_t n);
    // target = keep target + share value
    template <typename T>
    void blend(double keep, T* target, double share, const T* value, int64_t n);
    // Added up in double, in an order that depends on n alone.
    template <typename T> double sum_of_squares(const T* x, int64_t n);)

}  // namespace menet
