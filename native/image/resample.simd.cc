#include "image/resample.h"

#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

constexpr int32_t kHalf = 1 << (kFractionBits - 1);

typedef uint8_t Bytes __attribute__((vector_size(kPairLanes)));
typedef int32_t Lanes __attribute__((vector_size(kPairLanes * 4)));
static_assert(kPairLanes == 8);

// Eight bytes as integers. What GCC makes of a conversion is half as fast.
inline Lanes load_bytes(const uint8_t* p) {
#if defined(__AVX2__)
  return (Lanes)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  Bytes bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, Lanes);
#endif
}

inline void store_bytes(uint8_t* p, Lanes v) {
#if defined(__AVX2__)
  const __m128i words =
      _mm_packus_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
#else
  const Bytes bytes = __builtin_convertvector(v, Bytes);
  __builtin_memcpy(p, &bytes, sizeof bytes);
#endif
}

void resample_row(const uint8_t* in, const RowTaps& row_taps, uint8_t* out) {
  const RowTaps taps = row_taps;  // out could alias it
  for (int64_t x = 0; x < taps.width; ++x, out += 3) {
    const uint8_t* pixel = in + int64_t{taps.first[x]} * 3;
    const int32_t* weights = taps.weights + x * taps.max_pairs * kPairLanes;
    Lanes sum = {kHalf, kHalf, kHalf};
    for (int32_t pair = 0; pair < taps.pairs[x]; ++pair, pixel += 6, weights += kPairLanes) {
      Lanes weight;
      __builtin_memcpy(&weight, weights, sizeof weight);
      sum += load_bytes(pixel) * weight;
    }
    sum += __builtin_shufflevector(sum, sum, 3, 4, 5, 6, 7, 7, 7, 7);
    store_bytes(out, sum >> kFractionBits);  // three count, the others are overwritten
  }
}

void combine_rows(const uint8_t* const* rows, const int32_t* weights, int64_t count, int64_t bytes,
                  uint8_t* out) {
  int64_t i = 0;
  for (; i + kPairLanes <= bytes; i += kPairLanes) {
    Lanes sum = Lanes{} + kHalf;
    for (int64_t r = 0; r < count; ++r) sum += load_bytes(rows[r] + i) * weights[r];
    store_bytes(out + i, sum >> kFractionBits);
  }
  for (; i < bytes; ++i) {
    int32_t sum = kHalf;
    for (int64_t r = 0; r < count; ++r) sum += rows[r][i] * weights[r];
    out[i] = static_cast<uint8_t>(sum >> kFractionBits);
  }
}

}  // namespace MENET_ISA
}  // namespace menet
