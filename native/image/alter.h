// Alterations of 8-bit RGB images in place, bit for bit as Pillow's.
// https://github.com/python-pillow/Pillow/blob/main/src/libImaging/{Geometry,Filter,Point}.c
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

// Each pixel (x, y) takes that at (a x + b y + c, d x + e y + f), or black outside.
// Sides of at most kLongestAlteredSide, coefficients of at most kLargestCoefficient.
struct Affine {
  double a, b, c, d, e, f;
};
constexpr int64_t kLongestAlteredSide = 1 << 16;
constexpr double kLargestCoefficient = 1 << 20;
void transform_nearest(uint8_t* rgb, int64_t width, int64_t height, const Affine& matrix);

constexpr int kLevels = 256;
// counts: [3][kLevels], set to how often each channel has each level
void count_levels(const uint8_t* rgb, int64_t pixels, uint32_t* counts);
// table: [3][kLevels], what each channel's levels become
void map_levels(uint8_t* rgb, int64_t pixels, const uint8_t* table);

// Blends with the smoothed image: factor 0 smooths, 1 changes nothing. Outermost pixels stay.
void sharpen(uint8_t* rgb, int64_t width, int64_t height, float factor);

MENET_SIMD_DECLARE(
    // A row of sharpen, of `bytes` bytes: out from the row itself and its neighbours; sums has
    // room for a row. The first and the last pixel of out are left alone.
    void sharpen_row(const uint8_t* above, const uint8_t* row, const uint8_t* below, int64_t bytes,
                     float factor, uint16_t* sums, uint8_t* out);)

}  // namespace menet
