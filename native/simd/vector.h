// Vectors of one instruction set, for *.simd.cc files alone: GCC's and clang's vector
// extension, so that one source serves every width. 16-bit floats become vectors of float when
// they are loaded, and are rounded when they are stored (simd/half_vector.h).
#pragma once

#include "simd/half_vector.h"

namespace menet {
namespace MENET_ISA {

template <typename S>
inline Vector<Compute<S>> load(const S* p) {
  if constexpr (kIsHalf<S>) {
    return load_half(p);
  } else {
    Vector<S> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
}

template <typename S>
inline void store(S* p, Vector<Compute<S>> v) {
  if constexpr (kIsHalf<S>) {
    store_bits(p, HalfFormat<S>::narrow(v), Whole{});
  } else {
    __builtin_memcpy(p, &v, sizeof v);
  }
}

template <typename S>
inline Vector<Compute<S>> load(const S* p, Whole) {
  return load(p);
}

template <typename S>
inline void store(S* p, Vector<Compute<S>> v, Whole) {
  store(p, v);
}

template <typename S>
inline Vector<Compute<S>> load(const S* p, Part part) {
  if constexpr (kIsHalf<S>) {
    return load_half(p, part);
  } else {
    Vector<S> v = {};  // lanes that are not loaded are zero
    for (int i = 0; i < part.count; ++i) v[i] = p[i];
    return v;
  }
}

template <typename S>
inline void store(S* p, Vector<Compute<S>> v, Part part) {
  if constexpr (kIsHalf<S>) {
    store_bits(p, HalfFormat<S>::narrow(v), part);
  } else {
    for (int i = 0; i < part.count; ++i) p[i] = v[i];
  }
}

#if defined(__AVX512F__)
template <>
inline Vector<float> load(const float* p, Part part) {
  return (Vector<float>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << part.count) - 1), p);
}

template <>
inline void store(float* p, Vector<float> v, Part part) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << part.count) - 1), (__m512)v);
}
#elif defined(__AVX2__)
inline __m256i first_lanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

template <>
inline Vector<float> load(const float* p, Part part) {
  return (Vector<float>)_mm256_maskload_ps(p, first_lanes(part.count));
}

template <>
inline void store(float* p, Vector<float> v, Part part) {
  _mm256_maskstore_ps(p, first_lanes(part.count), (__m256)v);
}
#endif

// body(i, width) for every vector of a row of n elements, the last one perhaps a part.
template <typename T, typename Body>
inline void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) body(i, Whole{});
  if (i < n) body(i, Part{static_cast<int>(n - i)});
}

template <typename T>
inline Vector<T> splat(T x) {
  return Vector<T>{} + x;
}

template <typename T>
inline Vector<T> maximum(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

template <typename T>
inline Vector<T> relu(Vector<T> v) {
  return v < 0 ? Vector<T>{} : v;  // NaN stays
}

inline Vector<double> exponential(Vector<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

// Cody-Waite reduction to |r| <= ln(2)/2 and a polynomial (Cephes): 1 to 2 ulp.
inline Vector<float> exponential(Vector<float> x) {
  typedef int32_t Integers __attribute__((vector_size(MENET_VECTOR_BYTES)));
  x = x > 88.0f ? splat(88.0f) : x;
  x = x < -87.0f ? splat(-87.0f) : x;
  const float rounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Vector<float> n = (x * 1.44269504f + rounder) - rounder;
  const Vector<float> r = x - n * 0.693359375f + n * 2.12194440e-4f;
  Vector<float> p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Integers exponent = (__builtin_convertvector(n, Integers) + 127) << 23;
  Vector<float> power;
  __builtin_memcpy(&power, &exponent, sizeof power);
  return p * power;
}

template <typename T>
inline Vector<T> sigmoid(Vector<T> x) {
  return T(1) / (exponential(-x) + T(1));
}

}  // namespace MENET_ISA
}  // namespace menet
