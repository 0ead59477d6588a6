#include "image/alter.h"

namespace menet {
namespace MENET_ISA {

// 2^18 / 13, rounded up: divides sums of nine bytes by 13 exactly.
constexpr uint32_t kThirteenth = 20165;

void sharpen_row(const uint8_t* above, const uint8_t* row, const uint8_t* below, int64_t bytes,
                 float factor, uint16_t* sums, uint8_t* out) {
  for (int64_t i = 0; i < bytes; ++i) {
    sums[i] = static_cast<uint16_t>(above[i] + row[i] + below[i]);
  }
  for (int64_t i = 3; i < bytes - 3; ++i) {
    const uint32_t sum = static_cast<uint32_t>(sums[i - 3] + sums[i] + sums[i + 3] + 4 * row[i]);
    const int32_t smooth = static_cast<int32_t>((sum + 6) * kThirteenth >> 18);
    const float mixed =
        static_cast<float>(smooth) + factor * static_cast<float>(int32_t{row[i]} - smooth);
    out[i] = static_cast<uint8_t>(static_cast<int32_t>(mixed <= 0     ? 0.0f
                                                       : mixed >= 255 ? 255.0f
                                                                      : mixed));
  }
}

}  // namespace MENET_ISA
}  // namespace menet
