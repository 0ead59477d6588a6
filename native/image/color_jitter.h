// Adjustments of 8-bit RGB pixels in place, bit for bit as Pillow's: it blends in float32 and
// truncates, and turns hues in an 8-bit HSV image.
// https://github.com/python-pillow/Pillow/blob/main/src/libImaging/{Blend,Convert}.c
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

MENET_SIMD_DECLARE(
    // from + factor (to - from) for from = level and to = each byte, truncated, limited to 0..255
    void blend_with_level(uint8_t* bytes, int64_t count, int level, float factor);
    // the same with from = each pixel's luminance
    void blend_with_luminance(uint8_t* rgb, int64_t pixels, float factor);
    // of the luminances that Pillow's convert('L') rounds to (ITU-R 601)
    int64_t sum_of_luminances(const uint8_t* rgb, int64_t pixels);
    // adds shift to each pixel's hue, 255 being the full turn
    void turn_hues(uint8_t* rgb, int64_t pixels, int shift);)

}  // namespace menet
