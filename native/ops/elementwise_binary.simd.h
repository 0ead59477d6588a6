// y[i] = f(a[i * a_step], b[i * b_step]); a step of 0 repeats one element.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

enum class BinaryFunction {
  kAdd,
  kSub,
  kMultiply,
  kMaximum,
  kMinimum,
  kSquaredDifference,
  kRealDiv,  // from here on for floats alone
  kPrelu,
  kCount,
};

constexpr int kIntegerBinaryFunctions = 6;

enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLogicalAnd,  // of bytes, as the next
  kLogicalOr,
  kCount,
};

MENET_SIMD_DECLARE(template <typename T>
                   void binary(BinaryFunction function, const T* a, int64_t a_step, const T* b,
                               int64_t b_step, T* y, int64_t n);
                   template <typename T>
                   void compare(Comparison comparison, const T* a, int64_t a_step, const T* b,
                                int64_t b_step, uint8_t* y, int64_t n);
                   template <typename T>
                   void select(const uint8_t* condition, const T* a, const T* b, T* y, int64_t n);)

}  // namespace menet
