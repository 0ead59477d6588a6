// y[i] = f(x[i]).
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

// The first five are there for int32 too. `parameter` is Step's value below zero and
// LeakyRelu's slope there.
enum class UnaryFunction {
  kAbs,
  kNeg,
  kSquare,
  kRelu,
  kRelu6,
  kCeil,
  kElu,
  kExp,
  kFloor,
  kLeakyRelu,
  kLog,
  kReciprocal,
  kRsqrt,
  kSigmoid,
  kSqrt,
  kStep,
  kTanh,
  kCount,
};

constexpr int kIntegerUnaryFunctions = 5;

MENET_SIMD_DECLARE(template <typename T>
                   void unary(UnaryFunction function, const T* x, T* y, int64_t n, T parameter);
                   template <typename T> void clip(const T* x, T* y, int64_t n, T low, T high);)

}  // namespace menet
