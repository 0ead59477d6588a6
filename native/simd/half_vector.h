// 16-bit floats as vectors of float, for *.simd.cc files alone: bfloat16 by shifts, float16 by the
// processor's own conversions where it has them. Rounded to nearest, ties to even, as core/half.h
// does it, whose functions instruction sets would share.
#pragma once

#include "core/half.h"
#include "simd/lanes.h"

namespace menet {
namespace MENET_ISA {

// Whether elements are loaded into vectors of another type.
template <typename S>
constexpr bool kIsHalf = sizeof(S) < sizeof(Compute<S>);

// As many as a vector of float has lanes.
typedef uint16_t Halves __attribute__((vector_size(MENET_VECTOR_BYTES / 2)));
typedef uint32_t Words __attribute__((vector_size(MENET_VECTOR_BYTES)));

inline Words words_of(Vector<float> v) {
  Words words;
  __builtin_memcpy(&words, &v, sizeof words);
  return words;
}

inline Vector<float> floats_of(Words words) {
  Vector<float> v;
  __builtin_memcpy(&v, &words, sizeof v);
  return v;
}

// The compilers' own conversions of vectors go by way of halves.
#if defined(__AVX512F__)
inline Words extended(Halves bits) {
  return (Words)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)bits);
}
inline Halves truncated(Words words) {
  return (Halves)_mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)words);
}
#elif defined(__AVX2__)
inline Words extended(Halves bits) { return (Words)_mm256_cvtepu16_epi32((__m128i)bits); }
inline Halves truncated(Words words) {
  const __m256i packed = _mm256_packus_epi32((__m256i)words, (__m256i)words);  // below 2^16 each
  return (Halves)_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}
#else
inline Words extended(Halves bits) { return __builtin_convertvector(bits, Words); }
inline Halves truncated(Words words) { return __builtin_convertvector(words, Halves); }
#endif

template <typename S>
struct HalfFormat;

template <>
struct HalfFormat<BFloat16> {
  static Vector<float> widen(Halves bits) { return floats_of(extended(bits) << 16); }
  static Halves narrow(Vector<float> v) {
    const Words w = words_of(v);
    const Words rounded = (w + 0x7fffu + (w >> 16 & 1u)) >> 16;
    return truncated(v == v ? rounded : w >> 16 | 0x40u);
  }
};

#if defined(__F16C__) || defined(__AVX512F__)
constexpr int kRounding = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
#endif

template <>
struct HalfFormat<Float16> {
#if defined(__AVX512F__)
  // All lanes: GCC takes the unmasked forms for uses of an uninitialised vector.
  static Vector<float> widen(Halves bits) {
    return (Vector<float>)_mm512_maskz_cvtph_ps(0xffff, (__m256i)bits);
  }
  static Halves narrow(Vector<float> v) {
    return (Halves)_mm512_maskz_cvtps_ph(0xffff, (__m512)v, kRounding);
  }
#elif defined(__F16C__)
  static Vector<float> widen(Halves bits) { return (Vector<float>)_mm256_cvtph_ps((__m128i)bits); }
  static Halves narrow(Vector<float> v) { return (Halves)_mm256_cvtps_ph((__m256)v, kRounding); }
#else
  // The bits of a magnitude where float has its own mean one 2^112th of it, subnormal or not.
  static Vector<float> widen(Halves bits) {
    const Words all = extended(bits);
    const Words magnitude = (all & 0x7fffu) << 13;
    const Words finite = words_of(floats_of(magnitude) * 0x1p112f);
    const Words special = magnitude | 0x7f800000u;
    return floats_of((magnitude < 0x0f800000u ? finite : special) | (all & 0x8000u) << 16);
  }
  // As core/half.h.
  static Halves narrow(Vector<float> v) {
    const Words w = words_of(v);
    const Words magnitude = w & 0x7fffffffu;
    const Words normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    const Words subnormal = words_of(floats_of(magnitude) + 0.5f) - 0x3f000000u;
    Words bits = magnitude < 0x38800000u ? subnormal : normal;
    bits = magnitude < 0x477ff000u ? bits : Words{} + 0x7c00u;
    bits = v == v ? bits : Words{} + 0x7e00u;
    return truncated(bits | (w >> 16 & 0x8000u));
  }
#endif
};

template <typename S>
inline Vector<float> load_half(const S* p) {
  Halves bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return HalfFormat<S>::widen(bits);
}

template <typename S>
inline void store_bits(S* p, Halves bits, Whole) {
  __builtin_memcpy(p, &bits, sizeof bits);
}

#if defined(__AVX512F__)
template <typename S>
inline Vector<float> load_half(const S* p, Part part) {
  const auto lanes = static_cast<__mmask16>((1u << part.count) - 1);
  return HalfFormat<S>::widen((Halves)_mm256_maskz_loadu_epi16(lanes, p));
}

template <typename S>
inline void store_bits(S* p, Halves bits, Part part) {
  const auto lanes = static_cast<__mmask16>((1u << part.count) - 1);
  _mm256_mask_storeu_epi16(p, lanes, (__m256i)bits);
}
#else
template <typename S>
inline Vector<float> load_half(const S* p, Part part) {
  Halves bits = {};
  for (int i = 0; i < part.count; ++i) bits[i] = p[i].bits;
  return HalfFormat<S>::widen(bits);
}

template <typename S>
inline void store_bits(S* p, Halves bits, Part part) {
  for (int i = 0; i < part.count; ++i) p[i].bits = bits[i];
}
#endif

}  // namespace MENET_ISA
}  // namespace menet
