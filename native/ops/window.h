// Windows that slide over images [N, H, W, C]: of convolutions and pooling.
#pragma once

#include "core/op.h"

namespace menet {

// One spatial dimension. constexpr: what kernels call on a GPU, too.
struct WindowAxis {
  int64_t input, output, filter, stride, dilation;
  int64_t pad;  // before the first element

  // Where tap k of the window at output index o lies in the input; outside: not in [0, input).
  constexpr int64_t input_at(int64_t o, int64_t k) const { return o * stride - pad + k * dilation; }

  // Output index whose window has tap k at input index i; negative where there is none.
  constexpr int64_t output_at(int64_t i, int64_t k) const {
    const int64_t position = i + pad - k * dilation;
    if (stride == 1) return position < output ? position : -1;
    if (position < 0 || position % stride != 0 || position / stride >= output) return -1;
    return position / stride;
  }

  // Output indices [first, last) whose tap k lies in the input.
  int64_t first_output(int64_t k) const;
  int64_t last_output(int64_t k) const;
};

struct Window {
  int64_t batch;
  WindowAxis rows, columns;

  int64_t taps() const { return rows.filter * columns.filter; }
  int64_t input_pixels() const { return batch * rows.input * columns.input; }
  int64_t output_pixels() const { return batch * rows.output * columns.output; }
};

// From the shape of the images and the attributes strides [h, w], dilations [h, w] and
// pad [top, bottom, left, right]; throws naming the op where nothing fits. The paddings at
// the end decide the output's size alone and may be negative.
Window window_of(const Call& call, const Shape& images, int64_t filter_height,
                 int64_t filter_width);

// Calls body(n, row, column, pixel) for the pixels [begin, end) of images [N, height, width].
template <typename Body>
void for_each_pixel(int64_t begin, int64_t end, int64_t height, int64_t width, Body&& body) {
  int64_t column = begin % width, row = begin / width % height, n = begin / width / height;
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    body(n, row, column, pixel);
    if (++column < width) continue;
    column = 0;
    if (++row < height) continue;
    row = 0;
    ++n;
  }
}

}  // namespace menet
