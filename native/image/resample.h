// Resizing of 8-bit RGB images, bit for bit as Pillow's resize(..., BILINEAR): a triangle
// filter widened when shrinking (antialiasing), horizontally and then vertically, in 22-bit
// fixed point with 8-bit pixels in between.
// https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

// Row by row, three bytes per pixel.
struct Image {
  const uint8_t* data;
  int64_t width, height;
};

struct Box {
  int64_t left, top, width, height;
};

// `source` of an image is resized, of the result `crop` is kept, and mirrored if `flip`.
struct Placement {
  Box source;
  int64_t resized_width, resized_height;
  Box crop;
  bool flip;
};

// out: [crop.height][crop.width][3]. The boxes must lie in their images and hold a pixel.
void resample(const Image& image, const Placement& placement, uint8_t* out);

constexpr int kFractionBits = 22;
// Vectors of a row hold two RGB pixels in eight lanes, of which the last two are idle.
constexpr int kPairLanes = 8;
// What resample_row may read and write beyond the pixels of a row.
constexpr int kRowPadding = kPairLanes;

// For each pixel of an output row the first input pixel, how many pairs of input pixels, and
// the lanes' weights, [width][max_pairs][kPairLanes].
struct RowTaps {
  int64_t width;
  int64_t max_pairs;
  const int32_t* first;
  const int32_t* pairs;
  const int32_t* weights;
};

MENET_SIMD_DECLARE(void resample_row(const uint8_t* in, const RowTaps& taps, uint8_t* out);
                   // out[i] = sum over r < count of rows[r][i] * weights[r], i < bytes
                   void combine_rows(const uint8_t* const* rows, const int32_t* weights,
                                     int64_t count, int64_t bytes, uint8_t* out);)

}  // namespace menet
