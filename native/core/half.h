// 16-bit floats as tensors store them. Kernels load them into float, compute there, and round
// to nearest even when they store.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define MENET_HOST_DEVICE __host__ __device__
#else
#define MENET_HOST_DEVICE
#endif

namespace menet {

MENET_HOST_DEVICE inline float float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

MENET_HOST_DEVICE inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// 8 bits of exponent, 7 of mantissa: the upper half of a float.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  MENET_HOST_DEVICE BFloat16(float value) {
#ifdef __CUDA_ARCH__
    bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
    const uint32_t b = bits_of(value);
    const bool nan = (b & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? (b >> 16) | 0x40u : (b + 0x7fffu + (b >> 16 & 1u)) >> 16);
#endif
  }
  MENET_HOST_DEVICE operator float() const {
    return float_from_bits(static_cast<uint32_t>(bits) << 16);
  }
};

// IEEE binary16: 5 bits of exponent, 10 of mantissa.
struct Float16 {
  uint16_t bits;

  Float16() = default;
  MENET_HOST_DEVICE Float16(float value) {
#ifdef __CUDA_ARCH__
    bits = __half_as_ushort(__float2half_rn(value));
#else
    const uint32_t b = bits_of(value);
    const uint32_t magnitude = b & 0x7fffffffu;
    bits = static_cast<uint16_t>(b >> 16 & 0x8000u);
    if (magnitude > 0x7f800000u) {
      bits |= 0x7e00u;  // NaN
    } else if (magnitude >= 0x477ff000u) {
      bits |= 0x7c00u;  // rounds to 65536 or more: infinity
    } else if (magnitude >= 0x38800000u) {
      bits |=
          static_cast<uint16_t>((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13);
    } else {
      // Below 2^-14 a step is 2^-24: adding 0.5 leaves the steps in the lowest bits, rounded.
      bits |= static_cast<uint16_t>(bits_of(float_from_bits(magnitude) + 0.5f) - 0x3f000000u);
    }
#endif
  }
  MENET_HOST_DEVICE operator float() const {
#ifdef __CUDA_ARCH__
    return __half2float(__ushort_as_half(bits));
#else
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
    const uint32_t magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00u)
      return float_from_bits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    if (magnitude >= 0x0400u) return float_from_bits(sign | ((magnitude << 13) + 0x38000000u));
    const float small = static_cast<float>(magnitude) * 5.9604644775390625e-8f;  // 2^-24
    return sign != 0 ? -small : small;
#endif
  }
};

// What a kernel computes in, sums up in and keeps parameters and statistics in, for a storage
// type of activations.
template <typename S>
struct ComputeOf {
  using Type = S;
};
template <>
struct ComputeOf<BFloat16> {
  using Type = float;
};
template <>
struct ComputeOf<Float16> {
  using Type = float;
};
template <typename S>
using Compute = typename ComputeOf<S>::Type;

}  // namespace menet
