#include "image/alter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace menet {

namespace {

void copy_pixel(const uint8_t* from, uint8_t* to) {
  to[0] = from[0];
  to[1] = from[1];
  to[2] = from[2];
}

// Input positions along one axis; -1 outside.
std::vector<int64_t> positions(double first, double step, int64_t size) {
  std::vector<int64_t> found(static_cast<size_t>(size));
  double position = first;
  for (int64_t& one : found) {
    const double floor = std::floor(position);
    one = floor < 0 || floor >= static_cast<double>(size) ? -1 : static_cast<int64_t>(floor);
    position += step;
  }
  return found;
}

struct Source {
  const uint8_t* rgb;
  int64_t width, height;
};

// Without shear or rotation Pillow takes positions in double precision ...
void transform_scaling(const Source& source, const Affine& m, uint8_t* out) {
  const auto columns = positions(m.c + m.a * 0.5, m.a, source.width);
  const auto rows = positions(m.f + m.e * 0.5, m.e, source.height);
  for (const int64_t row : rows) {
    for (const int64_t column : columns) {
      if (row >= 0 && column >= 0) copy_pixel(source.rgb + (row * source.width + column) * 3, out);
      out += 3;
    }
  }
}

int64_t fixed(double value) { return static_cast<int64_t>(std::floor(value * 65536 + 0.5)); }

// ... and otherwise in 16-bit fixed point.
void transform_fixed(const Source& source, const Affine& m, uint8_t* out) {
  const int64_t across_x = fixed(m.a), across_y = fixed(m.d);
  const int64_t down_x = fixed(m.b), down_y = fixed(m.e);
  int64_t row_x = fixed(m.c + m.a * 0.5 + m.b * 0.5), row_y = fixed(m.f + m.d * 0.5 + m.e * 0.5);
  for (int64_t row = 0; row < source.height; ++row, row_x += down_x, row_y += down_y) {
    int64_t x = row_x, y = row_y;
    for (int64_t column = 0; column < source.width; ++column, out += 3) {
      const int64_t from_x = x >> 16, from_y = y >> 16;
      const bool inside =
          from_x >= 0 && from_x < source.width && from_y >= 0 && from_y < source.height;
      if (inside) copy_pixel(source.rgb + (from_y * source.width + from_x) * 3, out);
      x += across_x;
      y += across_y;
    }
  }
}

}  // namespace

void transform_nearest(uint8_t* rgb, int64_t width, int64_t height, const Affine& matrix) {
  const std::vector<uint8_t> copy(rgb, rgb + width * height * 3);
  const Source source{copy.data(), width, height};
  std::memset(rgb, 0, copy.size());
  const bool is_scaling = matrix.b == 0 && matrix.d == 0;
  (is_scaling ? transform_scaling : transform_fixed)(source, matrix, rgb);
}

void count_levels(const uint8_t* rgb, int64_t pixels, uint32_t* counts) {
  std::fill(counts, counts + 3 * kLevels, 0);
  for (int64_t i = 0; i < pixels; ++i, rgb += 3) {
    ++counts[rgb[0]];
    ++counts[kLevels + rgb[1]];
    ++counts[2 * kLevels + rgb[2]];
  }
}

void map_levels(uint8_t* rgb, int64_t pixels, const uint8_t* table) {
  for (int64_t i = 0; i < pixels; ++i, rgb += 3) {
    rgb[0] = table[rgb[0]];
    rgb[1] = table[kLevels + rgb[1]];
    rgb[2] = table[2 * kLevels + rgb[2]];
  }
}

void sharpen(uint8_t* rgb, int64_t width, int64_t height, float factor) {
  const int64_t bytes = width * 3;
  std::vector<uint16_t> sums(static_cast<size_t>(bytes));
  std::vector<uint8_t> above(rgb, rgb + bytes), row(above.size());
  for (int64_t y = 1; y < height - 1; ++y) {
    uint8_t* out = rgb + y * bytes;
    std::copy(out, out + bytes, row.begin());
    MENET_SIMD(sharpen_row)
    (above.data(), row.data(), out + bytes, bytes, factor, sums.data(), out);
    above.swap(row);
  }
}

}  // namespace menet
