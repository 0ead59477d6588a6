#include "image/resample.h"

#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

constexpr int32_t kHalf = 1 << (kFractionBits - 1);

typedef uint8_t PairBytes __attribute__((vector_size(kPairLanes)));
typedef int32_t PairLanes __attribute__((vector_size(kPairLanes * 4)));

void resample_row(const uint8_t* in, const RowTaps& taps, uint8_t* out) {
  for (int64_t x = 0; x < taps.width; ++x, out += 3) {
    const uint8_t* pixel = in + int64_t{taps.first[x]} * 3;
    const int32_t* weights = taps.weights + x * taps.max_pairs * kPairLanes;
    PairLanes sum = {kHalf, kHalf, kHalf};
    for (int32_t pair = 0; pair < taps.pairs[x]; ++pair, pixel += 6, weights += kPairLanes) {
      PairBytes bytes;
      PairLanes weight;
      __builtin_memcpy(&bytes, pixel, sizeof bytes);
      __builtin_memcpy(&weight, weights, sizeof weight);
      sum += __builtin_convertvector(bytes, PairLanes) * weight;
    }
    sum += __builtin_shufflevector(sum, sum, 3, 4, 5, 6, 7, 7, 7, 7);
    const PairBytes rgb = __builtin_convertvector(sum >> kFractionBits, PairBytes);
    __builtin_memcpy(out, &rgb, 4);  // the fourth byte is the next pixel's
  }
}

void combine_rows(const uint8_t* const* rows, const int32_t* weights, int64_t count, int64_t bytes,
                  uint8_t* out) {
  constexpr int kCount = kLanes<int32_t>;
  typedef uint8_t Bytes __attribute__((vector_size(kCount)));
  int64_t i = 0;
  for (; i + kCount <= bytes; i += kCount) {
    Vector<int32_t> sum = splat(kHalf);
    for (int64_t r = 0; r < count; ++r) {
      Bytes row;
      __builtin_memcpy(&row, rows[r] + i, sizeof row);
      sum += __builtin_convertvector(row, Vector<int32_t>) * weights[r];
    }
    const Bytes result = __builtin_convertvector(sum >> kFractionBits, Bytes);
    __builtin_memcpy(out + i, &result, sizeof result);
  }
  for (; i < bytes; ++i) {
    int32_t sum = kHalf;
    for (int64_t r = 0; r < count; ++r) sum += rows[r][i] * weights[r];
    out[i] = static_cast<uint8_t>(sum >> kFractionBits);
  }
}

}  // namespace MENET_ISA
}  // namespace menet
