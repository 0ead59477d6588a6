// What a vector of one instruction set is, for *.simd.cc files alone.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

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

// The width of a load or store at the end of a row: all lanes or the first `count`.
struct Whole {};
struct Part {
  int count;
};

}  // namespace MENET_ISA
}  // namespace menet
