// Vectors of one instruction set, for *.simd.cc files alone: GCC's and clang's vector
// extension, so that one source serves every width.
#pragma once

#include <cstddef>
#include <cstdint>

namespace menet {
namespace MENET_ISA {

template <typename T>
struct Simd {
  typedef T Vector __attribute__((vector_size(MENET_VECTOR_BYTES)));
  static constexpr int kLanes = MENET_VECTOR_BYTES / static_cast<int>(sizeof(T));
};

template <typename T>
using Vector = typename Simd<T>::Vector;

template <typename T>
constexpr int kLanes = Simd<T>::kLanes;

// The least multiple of the vector's lanes that is at least n: rows of scratch tiles
// are padded to it, so that inner loops need no masks.
template <typename T>
inline int64_t padded(int64_t n) {
  return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

template <typename T>
inline Vector<T> load(const T* p) {
  Vector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <typename T>
inline void store(T* p, Vector<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
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
inline T sum(Vector<T> v) {
  T total = 0;
  for (int i = 0; i < kLanes<T>; ++i) total += v[i];
  return total;
}

}  // namespace MENET_ISA
}  // namespace menet
