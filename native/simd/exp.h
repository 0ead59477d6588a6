// exp for *.simd.cc files alone, free of branches so that loops around it vectorise.
#pragma once

#include <cstdint>

namespace menet {
namespace MENET_ISA {

// Within 2 ulp; infinities, NaN and results below the least normal number as in the C
// library. exp(x) = 2^n exp(r), |r| <= ln 2 / 2, with a polynomial from Cephes' expf.
inline float exponential(float x) {
  constexpr float kRound = 12582912.0f;       // 1.5 * 2^23: adding it rounds to an integer
  const float below = x < 89.0f ? x : 89.0f;  // NaN too, which has no integer part
  const float bounded = below < -104.0f ? -104.0f : below;
  const float n = (bounded * 1.44269504088896341f + kRound) - kRound;
  const float r = (bounded - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2^n in two factors, since n reaches beyond the exponents of normal numbers.
  const int32_t whole = static_cast<int32_t>(n);
  const int32_t half = whole >> 1;
  const int32_t bits[2] = {(half + 127) << 23, (whole - half + 127) << 23};
  float first, second;
  __builtin_memcpy(&first, &bits[0], sizeof first);
  __builtin_memcpy(&second, &bits[1], sizeof second);
  return x == x ? p * first * second : x;
}

inline double exponential(double x) { return __builtin_exp(x); }

}  // namespace MENET_ISA
}  // namespace menet
